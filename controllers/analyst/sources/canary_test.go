package sources_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis"
)

const canary = "SECRET-c4n4ry-"

// unfit are answers of whoever may have seen credentials, all of which say them again.
func unfit() map[string]http.HandlerFunc {
	// What was secret comes first: a long answer is cut.
	said := func(r *http.Request) string {
		user, password, _ := r.BasicAuth()
		text := user + password
		for _, name := range []string{"X-Key", "Dd-Api-Key", "Dd-Application-Key", "X-Amz-Security-Token", "Authorization"} {
			text += " " + r.Header.Get(name)
		}
		body, _ := io.ReadAll(r.Body)
		return fmt.Sprint(text, r.URL, string(body))
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Error(w, said(r), code) }
	}
	answer := func(of func(string) any) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(of(said(r)))
		}
	}
	return map[string]http.HandlerFunc{
		"401": status(http.StatusUnauthorized), "400": status(http.StatusBadRequest), "500": status(http.StatusInternalServerError),
		"an error of Prometheus": answer(func(s string) any {
			return map[string]any{"status": "error", "errorType": "bad_data", "error": s}
		}),
		"an error of Datadog":    answer(func(s string) any { return map[string]any{"status": "error", "error": s} }),
		"an error of CloudWatch": answer(func(s string) any { return map[string]any{"__type": "InvalidParameterValue", "message": s} }),
		"a message": answer(func(s string) any {
			return map[string]any{"Messages": []any{map[string]string{"Code": "x", "Value": s}}, "MetricDataResults": []any{}}
		}),
		"text": func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, said(r)) },
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere.example.com/?"+strings.ReplaceAll(said(r), " ", ""), http.StatusFound)
		},
		"a broken header": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://%zz"+said(r))
			w.WriteHeader(http.StatusFound)
		},
		"nothing": func(w http.ResponseWriter, _ *http.Request) {
			connection, _, _ := w.(http.Hijacker).Hijack()
			_ = connection.Close()
		},
	}
}

// TestNoSecretIsTold: whatever a source answers to who sends it credentials, no error has any.
func TestNoSecretIsTold(t *testing.T) {
	w := newWorld(t,
		secret("shop", "one", "token", canary+"bearer", "username", canary+"user", "password", canary+"password", "header", canary+"header",
			"clientID", canary+"id", "clientSecret", canary+"client", "apiKey", canary+"api", "applicationKey", canary+"application",
			"accessKeyID", canary+"access", "secretAccessKey", canary+"key", "sessionToken", canary+"session",
			"tls.crt", canary+"crt", "tls.key", canary+"tls", "ca", canary+"ca", "broken", canary+"a\nb\x00"))
	all := w.sources("")
	pair := base64.StdEncoding.EncodeToString([]byte(canary + "user:" + canary + "password"))
	clean := func(t *testing.T, err error) {
		t.Helper()
		require.Error(t, err)
		for deep := err; deep != nil; {
			require.NotContains(t, fmt.Sprintf("%v %+v %#v", deep, deep, deep), canary)
			require.NotContains(t, deep.Error(), pair)
			next, can := deep.(interface{ Unwrap() error })
			if !can {
				break
			}
			deep = next.Unwrap()
		}
	}
	how := []string{
		"bearer: {name: one, key: token}", "basic: one", "headers: [{name: X-Key, secret: {name: one, key: header}}]",
		"oauth2: {client: one, tokenURL: TOKENS}", "tls: {certificate: one}", "tls: {ca: {name: one, key: ca}}",
		"bearer: {name: one, key: broken}", "headers: [{name: X-Key, secret: {name: one, key: broken}}]",
	}
	asked := 0
	for name, handler := range unfit() {
		server := httptest.NewServer(handler)
		tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"access_token": "`+canary+`token", "token_type": "Bearer"}`)
		}))
		var specs []string
		for _, h := range how {
			for _, from := range []string{server.URL, tokens.URL} {
				h := strings.Replace(h, "TOKENS", from, 1)
				specs = append(specs, "prometheus: {address: "+server.URL+", "+h+"}", "web: {method: POST, body: '{}', address: "+server.URL+", "+h+"}")
			}
		}
		specs = append(specs, "datadog: {keys: one, address: "+server.URL+"}", "cloudWatch: {keys: one, region: eu-central-1, address: "+server.URL+"}")
		for _, text := range specs {
			t.Run(name+" "+text[:strings.Index(text, ":")], func(t *testing.T) {
				found, err := all.Open(t.Context(), release("shop"), nil, source(t, text))
				if err != nil {
					clean(t, err)
					return
				}
				asked++
				_, err = found.Value(t.Context(), "body.nothing.at_all.said", w.clock())
				clean(t, err)
				if counters, can := found.(analysis.CounterSource); can {
					_, err = counters.Samples(t.Context(), "up", w.clock().Add(-1), w.clock())
					clean(t, err)
				}
			})
		}
		server.Close()
		tokens.Close()
	}
	require.Greater(t, asked, 100, "so many were asked at all")
}

// TestDenied: what a source may not ask it isn't asked, by whatever name, and nothing is told of what is there.
func TestDenied(t *testing.T) {
	address, asked := answering(t)
	_, port, _ := strings.Cut(strings.TrimPrefix(address, "http://"), ":")
	w := newWorld(t)
	w.allow, w.denied = nil, []netip.Prefix{netip.MustParsePrefix("203.0.113.7/32"), netip.MustParsePrefix("2001:db8::7/128")}
	w.deny = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	all := w.sources("")
	for name, address := range map[string]string{
		"what the operator denies": "http://198.51.100.9:9090", "the loopback": address, "by a name": "http://localhost:" + port, "of IPv6": "http://[::1]:" + port, "as IPv6": "http://[::ffff:127.0.0.1]:" + port,
		"nowhere": "http://0.0.0.0:" + port, "cloud metadata": "http://169.254.169.254/latest", "the API server": "https://203.0.113.7:6443/api",
		"the API server over IPv6": "https://[2001:db8::7]:6443/api", "the API server by NAT64": "https://[64:ff9b::203.0.113.7]:6443/api",
	} {
		t.Run(name, func(t *testing.T) {
			for _, kind := range []string{"web: {address: '%s'}", "prometheus: {address: '%s'}"} {
				found, err := all.Open(t.Context(), release("shop"), nil, source(t, fmt.Sprintf(kind, address)))
				require.NoError(t, err)
				_, err = found.Value(t.Context(), "body", w.clock())
				require.ErrorIs(t, err, analysis.ErrRefused)
				require.ErrorContains(t, err, "its address is one that may not be asked; use another, or have the operator allow it")
			}
		})
	}
	require.Nil(t, asked.Load())

	t.Run("what becomes the API server's is denied within a minute", func(t *testing.T) {
		found, err := all.Open(t.Context(), release("shop"), nil, source(t, "web: {address: 'http://203.0.113.8:6443'}"))
		require.NoError(t, err)
		brief, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := found.Value(brief, "body", w.clock()); err != nil { // whoever is there, if anyone is
			require.NotContains(t, err.Error(), "may not be asked")
		}
		w.denied = []netip.Prefix{netip.MustParsePrefix("203.0.113.8/32")}
		w.pass(time.Minute)
		_, err = found.Value(t.Context(), "body", w.clock())
		require.ErrorContains(t, err, "its address is one that may not be asked")
	})
}
