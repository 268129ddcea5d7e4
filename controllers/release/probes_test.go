package release_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
	"crossfade.io/crossfade/trafficrouting/probes"
)

// atShift is a world whose first step has been shifted to, with probes that have not been asked of it yet.
func atShift(t *testing.T, o options) *world {
	t.Helper()
	w := newWorld(t, o)
	begin(w)
	w.until("the first split settles", func() bool { return w.last.Rule == planner.RuleConfirming })
	w.proxies.behind = true
	w.until("the first step waits for a probe", func() bool { return w.shifted() && w.status.Barrier != nil && w.status.Barrier.Name == "probe" })
	return w
}

// TestQuestionsSayHowToAsk: by which address, and by which pods' names versions are told.
func TestQuestionsSayHowToAsk(t *testing.T) {
	for name, c := range map[string]struct {
		change         func(service map[string]any)
		port           *int32
		stable, canary string
	}{
		"the first port":     {nil, nil, "http://10.0.0.1:80", "http://checkout-canary.shop.svc:80"},
		"a port of choice":   {nil, ptr.To[int32](8443), "http://10.0.0.1:8443", "http://checkout-canary.shop.svc:8443"},
		"a port by TLS":      {tls, nil, "https://10.0.0.1:80", "https://checkout-canary.shop.svc:80"},
		"a headless Service": {func(s map[string]any) { s["clusterIP"] = "None" }, nil, "http://checkout.shop.svc:80", "http://checkout-canary.shop.svc:80"},
		"by IPv6":            {func(s map[string]any) { s["clusterIP"] = "fd00::7" }, nil, "http://[fd00::7]:80", "http://checkout-canary.shop.svc:80"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := probing()
			o.change = func(p *v1alpha1.RolloutSpec) {
				plainAndInsider(p)
				p.RouteRefs[0].Probes[0].IdentifiedBy.Port = c.port
			}
			w := newWorld(t, o)
			if c.change != nil {
				service := w.store.get(kindService, "checkout")
				c.change(service.Object["spec"].(map[string]any))
				w.wish(service)
			}
			begin(w)
			w.until("a probe is asked", func() bool { return len(w.last.Asks) > 0 })
			q := w.last.Asks[0]
			require.Equal(t, "HTTPRoute/checkout", q.Route)
			require.Equal(t, "plain", q.Probe)
			require.Equal(t, "checkout", q.Stable.Name)
			require.Equal(t, c.stable, q.Stable.Service)
			require.Equal(t, "checkout-canary", q.Canary.Name)
			require.Equal(t, c.canary, q.Canary.Service)
			require.Equal(t, "checkout-"+w.status.Stable.Revision+"-", q.Stable.Pods)
			require.Equal(t, "checkout-"+w.status.Canary.Revision+"-", q.Canary.Pods)
		})
	}
}

// tls says in a Service that its first port is called over TLS.
func tls(service map[string]any) {
	ports := service["ports"].([]any)
	service["ports"] = []any{merged(ports[0].(map[string]any), "appProtocol", "https")}
}

func merged(m map[string]any, key string, value any) map[string]any {
	out := map[string]any{key: value}
	for k, v := range m {
		out[k] = v
	}
	return out
}

// TestAnswerCountsForWhatItWasAskedOf: not for the split before, and not for what was put right after a foreign edit.
func TestAnswerCountsForWhatItWasAskedOf(t *testing.T) {
	t.Parallel()
	w := atShift(t, probing())
	asked := w.last.Asks
	require.NotEmpty(t, asked)

	in := w.input()
	in.Observed.Probes = answersOf(asked, func(q *probes.Question) { q.State = "of the split before" })
	require.Equal(t, asked, planner.Plan(in).Asks, "an answer to another question")
	in.Observed.Probes = answersOf(asked, func(*probes.Question) {})
	d := planner.Plan(in)
	require.Equal(t, planner.RuleConfirming, d.Rule)
	require.Empty(t, d.Asks, "nobody is asked what is known")
	require.Equal(t, "Probed", d.Status.Routes[0].Evidence)

	w.resetRoute()
	w.until("it is put right", func() bool { return w.status.Progress.Repairs > 0 })
	w.until("a probe is asked anew", func() bool { return len(w.last.Writes) == 0 && len(w.last.Asks) > 0 })
	require.NotEqual(t, asked[0].State, w.last.Asks[0].State)
}

// answersOf are answers as the first step wants them.
func answersOf(asked []probes.Question, change func(*probes.Question)) []probes.Answer {
	var answers []probes.Answer
	for _, q := range asked {
		change(&q)
		answers = append(answers, probes.Answer{Key: q.Key, Stable: q.Probe == "plain", Canary: q.Probe == "insider"})
	}
	return answers
}

// TestNothingIsAskedWhileNothingWaits: neither in a hold, nor where the Services don't select stable alone.
func TestNothingIsAskedWhileNothingWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, probing())
	asked := map[v1alpha1.Stage]bool{}
	w.judgeDecision = func(before v1alpha1.ReleaseStatus, d planner.Decision) {
		require.False(t, len(d.Asks) > 0 && before.Progress.EffectSince != nil && d.Status.Progress.EffectSince != nil, "asked for what is in effect")
		if len(d.Asks) > 0 {
			asked[d.Status.Progress.Stage] = true
		}
	}
	begin(w)
	w.at("half")
	w.proxies.asked = nil
	w.rest()
	require.Empty(t, w.proxies.asked, "a hold costs nothing")
	w.approve("half")
	w.end(v1alpha1.OutcomePromoted)
	require.Equal(t, map[v1alpha1.Stage]bool{v1alpha1.StageStepping: true, v1alpha1.StageFlipping: true}, asked)
}

// TestNewProcessAsksNothingOfWhatIsInEffect: what another one has seen before it ended is not seen again, and holds nothing up.
func TestNewProcessAsksNothingOfWhatIsInEffect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{steps: []v1alpha1.Step{matching("insiders", 1, approval())}, change: plainAndInsider})
	begin(w)
	w.at("insiders")
	require.Equal(t, "Probed", w.status.Routes[0].Evidence)
	in := w.input()
	in.Observed.Probes = nil
	d := planner.Plan(in)
	require.Empty(t, d.Asks)
	require.Equal(t, planner.RuleHolding, d.Rule)
	require.Equal(t, "Accepted", d.Status.Routes[0].Evidence, "it does not say what it has not seen")
}

// TestPodsAreToldByWhatTheirNamesHave: the API server cuts what a long name begins with.
func TestPodsAreToldByWhatTheirNamesHave(t *testing.T) {
	t.Parallel()
	w := atShift(t, probing())
	in := w.input()
	in.Policy.WorkloadRef.Name = strings.Repeat("checkout", 7)
	asked := planner.Plan(in).Asks
	require.NotEmpty(t, asked)
	require.Equal(t, strings.Repeat("checkout", 7)+"-"+w.status.Stable.Revision[:1], asked[0].Stable.Pods)
}
