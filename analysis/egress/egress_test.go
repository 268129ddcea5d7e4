package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis"
)

var loopback = Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}

// secrets are all credentials of these tests; none may be in an error.
var secrets = []string{"s3cret-token", "s3cret-pass", "s3cret-key", "s3cret-client", "s3cret-answer"}

// explained asks once and returns why there was no answer, without any secret.
func explained(t *testing.T, client *http.Client, url string) error {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	response, err := client.Do(request)
	if err == nil {
		_, err = io.ReadAll(response.Body)
		require.NoError(t, response.Body.Close())
	}
	require.Error(t, err)
	err = Explain("web shop/test", err)
	for _, secret := range secrets {
		require.NotContains(t, err.Error(), secret)
	}
	require.Contains(t, err.Error(), "web shop/test")
	return err
}

func client(t *testing.T, config Config) *http.Client {
	t.Helper()
	made, err := New(config)
	require.NoError(t, err)
	t.Cleanup(made.CloseIdleConnections)
	return made
}

func TestGuardPermits(t *testing.T) {
	guard := Guard{Deny: []netip.Prefix{netip.MustParsePrefix("10.96.0.1/32")}, Allow: []netip.Prefix{netip.MustParsePrefix("169.254.20.10/32")}}
	tests := map[string]bool{
		"10.1.2.3": true, "93.184.216.34": true, "2001:db8::1": true, "fd00::1": true, "::ffff:10.1.2.3": true,
		"127.0.0.1": false, "127.8.8.8": false, "::1": false, "::ffff:127.0.0.1": false, "::127.0.0.1": false,
		"0.0.0.0": false, "0.1.2.3": false, "::": false, "::ffff:0.0.0.0": false,
		"169.254.169.254": false, "::ffff:169.254.169.254": false, "64:ff9b::169.254.169.254": false, "fe80::1": false, "fe80::1%eth0": false, "febf::1": false,
		"224.0.0.1": false, "ff02::1": false, "255.255.255.255": false,
		"100.100.100.200": false, "168.63.129.16": false, "192.0.0.192": false, "192.0.2.1": true,
		"fd00:ec2::254": false, "fd00:ec2::23": false, "fd20:ce::254": false, "fd20:cf::254": true,
		"64:ff9b:1::a9fe:a9fe": false, "64:ff9b:1:a9fe:a9:fe00::": false, "2002:a9fe:a9fe::1": false, "::ffff:0:a9fe:a9fe": false,
		"2001::5601:5601": false, "2001:db8:2::a9fe:a9fe": true,
		"10.96.0.1": false, "::ffff:10.96.0.1": false, "10.96.0.2": true,
		"169.254.20.10": true, "::ffff:169.254.20.10": true,
	}
	for address, want := range tests {
		require.Equal(t, want, guard.Permits(netip.MustParseAddr(address)), address)
	}
	require.False(t, guard.Permits(netip.Addr{}))
}

func TestGuardOfConnections(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)

	t.Run("loopback is denied by whatever name", func(t *testing.T) {
		for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "[::1]", "127.1"} {
			address := "http://" + host + ":" + port
			require.Error(t, explained(t, client(t, Config{Address: address}), address), host)
		}
		address := "http://127.0.0.1:" + port
		require.ErrorIs(t, explained(t, client(t, Config{Address: address}), address), analysis.ErrRefused)
	})
	t.Run("what the operator denies is denied, what they allow is not", func(t *testing.T) {
		address := "http://127.0.0.1:" + port
		response, err := client(t, Config{Address: address, Guard: loopback}).Get(address)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	})
	t.Run("a name that changes its address between two requests", func(t *testing.T) {
		var asked atomic.Int32
		resolver := names(t, func() [4]byte {
			if asked.Add(1) == 1 {
				return [4]byte{127, 0, 0, 1}
			}
			return [4]byte{169, 254, 169, 254}
		})
		address := "http://metrics.example.test:" + port
		rebound := client(t, Config{Address: address, Guard: loopback, resolver: resolver})
		response, err := rebound.Get(address)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		rebound.CloseIdleConnections()
		require.ErrorContains(t, explained(t, rebound, address), "may not be asked")
		require.EqualValues(t, 2, asked.Load())
	})
	t.Run("the environment names no proxy", func(t *testing.T) {
		t.Setenv("HTTP_PROXY", server.URL)
		t.Setenv("http_proxy", server.URL)
		address := "http://metrics.example.test"
		made := client(t, Config{Address: address, Guard: loopback, resolver: names(t, func() [4]byte { return [4]byte{169, 254, 0, 1} })})
		require.ErrorContains(t, explained(t, made, address), "may not be asked")
	})
}

// names is a resolver that answers questions for an IPv4 address, and has no others.
func names(t *testing.T, address func() [4]byte) *net.Resolver {
	socket, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = socket.Close() })
	go func() {
		question := make([]byte, 512)
		for {
			n, from, err := socket.ReadFrom(question)
			if err != nil {
				return
			}
			end := 12
			for question[end] != 0 {
				end += int(question[end]) + 1
			}
			isA := question[end+2] == 1
			answer := append([]byte{}, question[:min(n, end+5)]...)
			copy(answer[2:12], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}) // an answer, without additions
			if isA {
				answer[7] = 1
				at := address()
				answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, at[0], at[1], at[2], at[3])
			}
			_, _ = socket.WriteTo(answer, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", socket.LocalAddr().String())
	}}
}

func TestRedirects(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("another host was asked") }))
	defer elsewhere.Close()
	var got http.Header
	var target string
	var code int
	home := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got = r.Header.Clone(); r.URL.Path != "/here" {
			http.Redirect(w, r, target, code)
		}
	}))
	defer home.Close()
	made := client(t, Config{Address: home.URL, Guard: loopback, Credentials: Credentials{
		Bearer: "s3cret-token", Headers: map[string]string{"X-Scope-OrgID": "s3cret-key"},
	}})

	t.Run("to its own host is followed, with the credentials", func(t *testing.T) {
		target, code = home.URL+"/here", http.StatusFound
		response, err := made.Get(home.URL)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, "Bearer s3cret-token", got.Get("Authorization"))
		require.Equal(t, "s3cret-key", got.Get("X-Scope-OrgID"))
	})
	t.Run("to another host is not", func(t *testing.T) {
		target, code = elsewhere.URL, http.StatusFound
		err := explained(t, made, home.URL+"?key=s3cret-pass")
		require.ErrorIs(t, err, analysis.ErrRefused)
		require.ErrorContains(t, err, "it redirects to another host, port or scheme; use the address that it redirects to")
		code = http.StatusTemporaryRedirect
		_, err = made.Post(home.URL, "text/plain", strings.NewReader("query")) //nolint:bodyclose // there is no answer
		require.ErrorIs(t, Explain("x", err), analysis.ErrRefused)
	})
	t.Run("to another scheme is not", func(t *testing.T) {
		target, code = strings.Replace(home.URL, "http:", "https:", 1), http.StatusFound
		require.ErrorContains(t, explained(t, made, home.URL), "another host, port or scheme")
	})
	t.Run("a ring of redirects ends", func(t *testing.T) {
		target, code = home.URL, http.StatusFound
		require.ErrorContains(t, explained(t, made, home.URL), "again and again")
	})
}

func authority(server *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, len(r.TLS.PeerCertificates))
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	defer server.Close()
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	require.NoError(t, err)
	pair := TLS{CA: authority(server), Certificate: authority(server), Key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})}

	require.ErrorContains(t, explained(t, client(t, Config{Address: server.URL, Guard: loopback}), server.URL), "can't be trusted")
	wrong := TLS{CA: authority(server), ServerName: "another.test"}
	require.ErrorContains(t, explained(t, client(t, Config{Address: server.URL, Guard: loopback, TLS: wrong}), server.URL), "can't be trusted")
	response, err := client(t, Config{Address: server.URL, Guard: loopback, TLS: pair}).Get(server.URL)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, "1", string(body), "the client showed its certificate")
}

// secured serves over TLS, and says how many certificates the client showed last.
func secured(t *testing.T, answer http.HandlerFunc) (server *httptest.Server, shown *atomic.Int32) {
	shown = &atomic.Int32{}
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown.Store(int32(len(r.TLS.PeerCertificates))) //nolint:gosec // one or none
		answer(w, r)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, shown
}

func TestCertificateAndServerNameAreOfTheSourceAlone(t *testing.T) {
	source, toSource := secured(t, func(http.ResponseWriter, *http.Request) {})
	tokens, toTokens := secured(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"s3cret-token","token_type":"Bearer"}`)
	})
	// The certificates of all are for example.com and 127.0.0.1; the proxy's and that of tokens are asked for by the address.
	var names []string
	var mu sync.Mutex
	proxy, toProxy := secured(t, tunnel)
	for _, server := range []*httptest.Server{tokens, proxy} {
		server.TLS.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			mu.Lock()
			defer mu.Unlock()
			names = append(names, hello.ServerName)
			return nil, nil
		}
	}
	key, err := x509.MarshalPKCS8PrivateKey(source.TLS.Certificates[0].PrivateKey)
	require.NoError(t, err)
	through, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	for _, by := range []*url.URL{nil, through} {
		made := client(t, Config{
			Address: source.URL, Guard: loopback, Proxy: by,
			TLS:         TLS{CA: authority(source), Certificate: authority(source), Key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), ServerName: "example.com"},
			Credentials: Credentials{OAuth2: &OAuth2{ClientID: "crossfade", ClientSecret: "s3cret-client", TokenURL: tokens.URL}},
		})
		response, err := made.Get(source.URL)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.EqualValues(t, 1, toSource.Load())
		require.Zero(t, toTokens.Load())
	}
	require.Zero(t, toProxy.Load())
	require.NotEmpty(t, names)
	require.NotContains(t, names, "example.com")
}

// tunnel is what a proxy does with CONNECT.
func tunnel(w http.ResponseWriter, r *http.Request) {
	server, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", r.Host)
	if err != nil {
		http.Error(w, "", http.StatusBadGateway)
		return
	}
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = server.Close()
		return
	}
	_, _ = io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		_, _ = io.Copy(server, buffered)
		_ = server.Close()
	}()
	go func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	}()
}

func TestLimits(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/large":
			_, _ = io.WriteString(w, strings.Repeat("s3cret-answer ", 1000))
		case "/slow":
			<-release
		case "/cut":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "s3cret-answer")
		}
	}))
	defer server.Close()
	defer close(release)
	made := client(t, Config{Address: server.URL, Guard: loopback, MaxBytes: 1000, Timeout: 300 * time.Millisecond})
	require.ErrorContains(t, explained(t, made, server.URL+"/large"), "over 1000 bytes")
	require.ErrorContains(t, explained(t, made, server.URL+"/slow"), "no answer in time")
	require.ErrorIs(t, explained(t, made, server.URL+"/cut?key=s3cret-key"), analysis.ErrUnreachable)

	plain := client(t, Config{Address: strings.Replace(server.URL, "http:", "https:", 1), Guard: loopback})
	require.Error(t, explained(t, plain, strings.Replace(server.URL, "http:", "https:", 1)))
}

func TestConfigIsWrong(t *testing.T) {
	tests := map[string]Config{
		"no address":         {},
		"another scheme":     {Address: "ftp://example.test"},
		"no host":            {Address: "http:///path"},
		"credentials in URL": {Address: "http://user:s3cret-pass@example.test"},
		"control characters": {Address: "http://s3cret-pass\x7f"},
		"CA":                 {Address: "http://example.test", TLS: TLS{CA: []byte("s3cret-key")}},
		"pair":               {Address: "http://example.test", TLS: TLS{Certificate: []byte("s3cret-key"), Key: []byte("s3cret-key")}},
		"two at once":        {Address: "http://example.test", Credentials: Credentials{Bearer: "s3cret-token", Password: "s3cret-pass"}},
		"URL of tokens":      {Address: "http://example.test", Credentials: Credentials{OAuth2: &OAuth2{TokenURL: "http://a:s3cret-pass@b", ClientSecret: "s3cret-client"}}},
	}
	for name, config := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := New(config)
			require.Error(t, err)
			require.Contains(t, err.Error(), ";", "it says how to mend it")
			for _, secret := range secrets {
				require.NotContains(t, err.Error(), secret)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	for code, want := range map[int]error{
		400: analysis.ErrRefused, 401: analysis.ErrRefused, 403: analysis.ErrRefused, 404: analysis.ErrRefused, 302: analysis.ErrRefused,
		408: analysis.ErrUnreachable, 429: analysis.ErrUnreachable, 500: analysis.ErrUnreachable, 503: analysis.ErrUnreachable,
	} {
		require.ErrorIs(t, Status("x", code), want, code)
	}
}
