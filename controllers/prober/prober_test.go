package prober_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/prober"
	"crossfade.io/crossfade/trafficrouting/probes"
)

const header = "X-Version"

var release = types.NamespacedName{Namespace: "shop", Name: "checkout-1"}

// anywhere is a Prober that may ask this machine, on which the tests' servers are.
func anywhere() *prober.Prober {
	return &prober.Prober{Clock: time.Now, Allowed: true, Forbidden: func(netip.Addr) bool { return false }}
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// says answers with values of the header, one after the other, then with the last.
func says(values ...string) http.HandlerFunc {
	var asked atomic.Int32
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(header, values[min(int(asked.Add(1)), len(values))-1])
	}
}

// hangs answers never, until the client has gone.
func hangs(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// resets takes the connection away in the middle of an answer.
func resets(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// ask asks one question and waits for its answer.
func ask(t *testing.T, p *prober.Prober, q probes.Question) probes.Answer {
	t.Helper()
	told := make(chan struct{}, 1)
	p.Ask(release, []probes.Question{q}, func() { told <- struct{}{} })
	select {
	case <-told:
	case <-time.After(15 * time.Second):
		require.FailNow(t, "no answer")
	}
	answers := p.Answers(release)
	require.Len(t, answers, 1)
	require.Equal(t, q.Key, answers[0].Key)
	return answers[0]
}

func questionTo(gateway, stable, canary string) probes.Question {
	return probes.Question{
		Key:     probes.Key{Route: "HTTPRoute/checkout", Probe: "plain", State: "a"},
		Request: v1alpha1.Probe{Name: "plain", URL: gateway + "/where?to=checkout", IdentifiedBy: v1alpha1.ProbeIdentity{Header: header}},
		Stable:  probes.Arm{Name: "checkout", Service: stable, Pods: "checkout-5d8f-"},
		Canary:  probes.Arm{Name: "checkout-canary", Service: canary, Pods: "checkout-7c9b-"},
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	const nobody = "http://127.0.0.1:1"
	for name, c := range map[string]struct {
		gateway, stable, canary http.HandlerFunc
		passed                  probes.Version
		problem                 string
	}{
		"stable's version":                          {says("v1"), says("v1"), says("v2"), probes.Stable, ""},
		"the canary's version":                      {says("v2"), says("v1"), says("v2"), probes.Canary, ""},
		"the name of a pod, and no Service answers": {says("checkout-7c9b-x"), nil, nil, probes.Canary, ""},
		"the canary once of three times":            {says("v1", "v1", "v2"), says("v1"), says("v2"), probes.Either, ""},
		"another version":                           {says("v9"), says("v1"), says("v2"), probes.Either, `the answer has X-Version: "v9", where stable has "v1" and the canary "v2"`},
		"a version that is long":                    {says(strings.Repeat("v", 70)), says("v1"), says("v2"), probes.Either, `X-Version: "` + strings.Repeat("v", 64) + `",`},
		"versions that say the same":                {says("v1"), says("v1"), says("v1"), probes.Either, "which tells no version"},
		"no header":                                 {func(http.ResponseWriter, *http.Request) {}, nil, nil, probes.Either, "the answer, 200, has no header X-Version"},
		"a redirect, which nobody follows": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere.invalid/", http.StatusFound)
		}, nil, nil, probes.Either, "the answer, 302, has no header X-Version"},
		"a gateway that hangs":         {hangs, nil, nil, probes.Either, "no answer within 2s"},
		"a gateway that resets":        {resets, nil, nil, probes.Either, "it could not be reached, or gave no answer of HTTP"},
		"no gateway":                   {nil, nil, nil, probes.Either, "it could not be reached"},
		"a Service that hangs":         {says("v1"), says("v1"), hangs, probes.Either, "Service checkout-canary at http://"},
		"a Service that says nothing":  {says("v1"), func(http.ResponseWriter, *http.Request) {}, nil, probes.Either, "say identifiedBy.port, or have the app say its pod's name"},
		"an answer with many headers":  {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Long", strings.Repeat("x", 70<<10)) }, nil, nil, probes.Either, "could not be reached"},
		"an error that names its pod":  {func(w http.ResponseWriter, r *http.Request) { says("checkout-5d8f-x")(w, r); w.WriteHeader(500) }, nil, nil, probes.Stable, ""},
		"a body that never comes":      {func(w http.ResponseWriter, r *http.Request) { says("v1")(w, r); w.(http.Flusher).Flush(); hangs(w, r) }, says("v1"), says("v2"), probes.Stable, ""},
		"the canary, and then nothing": {thenHangs("checkout-7c9b-x"), nil, nil, probes.Either, "no answer within 2s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			urls := []string{nobody, nobody, nobody}
			for i, handler := range []http.HandlerFunc{c.gateway, c.stable, c.canary} {
				if handler != nil {
					urls[i] = serve(t, handler)
				}
			}
			answer := ask(t, anywhere(), questionTo(urls[0], urls[1], urls[2]))
			require.Equal(t, c.passed == probes.Stable, answer.Passed(probes.Stable), answer)
			require.Equal(t, c.passed == probes.Canary, answer.Passed(probes.Canary), answer)
			require.Contains(t, answer.Problem, c.problem)
			require.Equal(t, c.problem == "", answer.Problem == "")
		})
	}
}

// thenHangs answers once.
func thenHangs(value string) http.HandlerFunc {
	var asked atomic.Bool
	return func(w http.ResponseWriter, r *http.Request) {
		if asked.Swap(true) {
			hangs(w, r)
			return
		}
		w.Header().Set(header, value)
	}
}

// TestCanaryThatWasReachedIsKnownThoughTheGatewayIsLost: it keeps the canary's pods on the way back.
func TestCanaryThatWasReachedIsKnownThoughTheGatewayIsLost(t *testing.T) {
	t.Parallel()
	answer := ask(t, anywhere(), questionTo(serve(t, thenHangs("checkout-7c9b-x")), "", ""))
	require.True(t, answer.Canary)
	require.Equal(t, "no answer within 2s", answer.Problem)
}

// TestRequestSaysWhatIsNamedAndNothingElse, each on a connection of its own.
func TestRequestSaysWhatIsNamedAndNothingElse(t *testing.T) {
	t.Parallel()
	type seen struct {
		method, uri, host, from string
		header                  http.Header
	}
	asked := make(chan seen, 10)
	gateway := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- seen{r.Method, r.RequestURI, r.Host, r.RemoteAddr, r.Header}
		w.Header().Set(header, "checkout-5d8f-x")
	})
	q := questionTo(gateway, "", "")
	q.Request.Host, q.Request.Method = ptr.To("shop.example.com"), ptr.To("HEAD")
	q.Request.Headers = []v1alpha1.ProbeHeader{{Name: "x-canary", Value: "yes"}, {Name: "Cookie", Value: "group=insider"}, {Name: "X-Canary", Value: "no"}}
	require.True(t, ask(t, anywhere(), q).Passed(probes.Stable))
	connections := map[string]bool{}
	for range 3 {
		s := <-asked
		connections[s.from] = true
		require.Equal(t, "HEAD /where?to=checkout shop.example.com", s.method+" "+s.uri+" "+s.host)
		require.Equal(t, http.Header{"X-Canary": {"yes"}, "Cookie": {"group=insider"}, "Connection": {"close"}}, s.header)
	}
	require.Len(t, connections, 3)
	require.Empty(t, asked)
}

// TestServiceIsAskedTheSame, by its own address.
func TestServiceIsAskedTheSame(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 10)
	arm := func(version string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			asked <- version + " " + r.Host + r.RequestURI + " " + r.Header.Get("x-canary")
			w.Header().Set(header, version)
		}
	}
	q := questionTo(serve(t, says("v2")), serve(t, arm("v1")), serve(t, arm("v2")))
	q.Request.Host, q.Request.Headers = ptr.To("shop.example.com"), []v1alpha1.ProbeHeader{{Name: "x-canary", Value: "yes"}}
	require.True(t, ask(t, anywhere(), q).Passed(probes.Canary))
	require.Equal(t, "v1 shop.example.com/where?to=checkout yes", <-asked)
	require.Equal(t, "v2 shop.example.com/where?to=checkout yes", <-asked)
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	names := make(chan string, 10)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		names <- r.TLS.ServerName
		w.Header().Set(header, "checkout-5d8f-x")
	}))
	t.Cleanup(server.Close)
	q := questionTo(server.URL, "", "")
	require.Contains(t, ask(t, anywhere(), q).Problem, "its certificate can't be trusted; use one that can, or insecureSkipVerify")
	q.Request.InsecureSkipVerify, q.Request.Host = true, ptr.To("shop.example.com:8443")
	require.True(t, ask(t, anywhere(), q).Passed(probes.Stable))
	require.Equal(t, "shop.example.com", <-names)
}

// TestNothingIsSentWhereItMayNot: neither where probes are switched off, nor to what trusts the controller for where it is.
func TestNothingIsSentWhereItMayNot(t *testing.T) {
	t.Parallel()
	gateway := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	_, port, err := net.SplitHostPort(strings.TrimPrefix(gateway, "http://"))
	require.NoError(t, err)
	off := anywhere()
	off.Allowed = false
	require.Contains(t, ask(t, off, questionTo(gateway, "", "")).Problem, "probes are switched off in this installation")
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		guarded := &prober.Prober{Clock: time.Now, Allowed: true, Forbidden: prober.Forbidden}
		require.Contains(t, ask(t, guarded, questionTo("http://"+host+":"+port, "", "")).Problem, "is not asked", host)
	}
}

func TestForbidden(t *testing.T) {
	for address, forbidden := range map[string]bool{
		"127.0.0.1": true, "127.8.8.8": true, "::1": true, "0.0.0.0": true, "::": true, "169.254.169.254": true, "fe80::1": true, "fe80::1%eth0": true,
		"::ffff:169.254.169.254": true, "224.0.0.1": true, "fd00:ec2::254": true, "100.100.100.200": true, "168.63.129.16": true,
		"10.0.0.1": false, "100.64.0.1": false, "192.168.1.1": false, "203.0.113.7": false, "fd00::1": false, "2001:db8::1": false,
	} {
		require.Equal(t, forbidden, prober.Forbidden(netip.MustParseAddr(address)), address)
	}
}

// TestAGatewayThatHangsHoldsUpNobody: neither whoever asks, nor other Releases; and it is asked once at a time.
func TestAGatewayThatHangsHoldsUpNobody(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	hanging := serve(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1); hangs(w, r) })
	p := anywhere()
	other := types.NamespacedName{Namespace: "shop", Name: "cart-1"}
	told := make(chan struct{}, 1)
	for range 100 {
		p.Ask(release, []probes.Question{questionTo(hanging, "", "")}, func() {})
	}
	require.Eventually(t, func() bool { return asked.Load() == 1 }, 5*time.Second, time.Millisecond)
	p.Ask(other, []probes.Question{questionTo(serve(t, says("checkout-5d8f-x")), "", "")}, func() { told <- struct{}{} })
	<-told
	require.Len(t, p.Answers(other), 1)
	require.EqualValues(t, 1, asked.Load())
	p.Forget(release)
	require.Empty(t, p.Answers(release))
}

// TestOnceASecond: a probe is asked again when it is due, whatever state of the route it is asked of, and tells news alone.
func TestOnceASecond(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	var now atomic.Int64
	p := anywhere()
	p.Clock = func() time.Time { return time.Unix(1000, now.Load()) }
	q := questionTo(serve(t, func(w http.ResponseWriter, _ *http.Request) { asked.Add(1); w.Header().Set(header, "checkout-5d8f-x") }), "", "")
	ask(t, p, q)
	q.State = "b"
	p.Ask(release, []probes.Question{q}, func() { t.Error("asked before its time") })
	require.Equal(t, "a", p.Answers(release)[0].State, "what was asked before is known as that")
	now.Store(int64(time.Second))
	require.Equal(t, "b", ask(t, p, q).State)
	now.Store(int64(2 * time.Second))
	p.Ask(release, []probes.Question{q}, func() { t.Error("the same answer is no news") })
	require.Eventually(t, func() bool { return asked.Load() == 9 }, 5*time.Second, time.Millisecond)
}
