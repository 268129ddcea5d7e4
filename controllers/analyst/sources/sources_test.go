package sources_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// answering is a web source that says who asked last.
func answering(t *testing.T) (address string, asked *atomic.Value) {
	t.Helper()
	asked = &atomic.Value{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Header.Get("Authorization") + r.Header.Get("X-Scope-OrgID"))
		_, _ = w.Write([]byte(`{"errors": 3}`))
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

func TestInstallation(t *testing.T) {
	w := newWorld(t)
	t.Run("an installation without Prometheus says so", func(t *testing.T) {
		_, err := w.sources("").Open(t.Context(), release("shop"), nil, nil)
		require.ErrorIs(t, err, analysis.ErrRefused)
		require.ErrorContains(t, err, "this installation has no Prometheus; have its operator set analysis.prometheus.address of the chart, or give the template a source")
	})
	t.Run("one address is for all, also where it would be denied", func(t *testing.T) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"scalar","result":[1,"42"]}}`))
		}))
		defer server.Close()
		w.allow, w.denied = nil, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		all := w.sources(server.URL)
		one, err := all.Open(t.Context(), release("shop"), nil, nil)
		require.NoError(t, err)
		two, err := all.Open(t.Context(), release("other"), nil, nil)
		require.NoError(t, err)
		require.Same(t, one, two)
		require.Implements(t, (*analysis.CounterSource)(nil), one)
		value, err := one.Value(t.Context(), "up", w.clock())
		require.NoError(t, err)
		require.InDelta(t, 42, value.Numbers[0].Value, 0)
	})
}

func TestOneSourceForEqualSpecs(t *testing.T) {
	address, _ := answering(t)
	w := newWorld(t)
	all := w.sources("")
	open := func(namespace, text string) analysis.Source {
		found, err := all.Open(t.Context(), release(namespace), &v1alpha1.AnalysisTemplateRef{Name: "a"}, source(t, text))
		require.NoError(t, err)
		return found
	}
	first := open("shop", "web: {address: "+address+"}")
	require.Same(t, first, open("shop", "web: {address: "+address+"}"))
	require.NotSame(t, first, open("other", "web: {address: "+address+"}"))
	require.NotSame(t, first, open("shop", "web: {address: "+address+"/x}"))
	_, counts := first.(analysis.CounterSource)
	require.False(t, counts, "what answers JSON has no counters")
	require.Implements(t, (*analysis.CounterSource)(nil), open("shop", "prometheus: {address: "+address+"}"))

	t.Run("one that nobody opens is dropped", func(t *testing.T) {
		w.pass(30 * time.Minute)
		require.Same(t, first, open("shop", "web: {address: "+address+"}"))
		w.pass(59 * time.Minute)
		require.Same(t, first, open("shop", "web: {address: "+address+"}"), "each time counts")
		w.pass(61 * time.Minute)
		require.NotSame(t, first, open("shop", "web: {address: "+address+"}"))
	})
}

// TestWhoKnowsThePast: what a restarted controller may ask for again.
func TestWhoKnowsThePast(t *testing.T) {
	w := newWorld(t, secret("shop", "keys", "apiKey", "a", "applicationKey", "b", "accessKeyID", "c", "secretAccessKey", "d"))
	all := w.sources("")
	for text, want := range map[string]bool{
		`prometheus: {address: "http://127.0.0.1"}`: true,
		"datadog: {keys: keys}":                     true,
		"cloudWatch: {keys: keys, region: eu}":      true,
		`web: {address: "http://127.0.0.1"}`:        false,
		jobSource:                                   false,
	} {
		found, err := all.Open(t.Context(), release("shop"), &v1alpha1.AnalysisTemplateRef{Name: "a"}, source(t, text))
		require.NoError(t, err, text)
		require.Equal(t, want, analysis.KnowsPast(found), text)
		again, err := all.Open(t.Context(), release("shop"), &v1alpha1.AnalysisTemplateRef{Name: "a"}, source(t, text))
		require.NoError(t, err, text)
		same := found == again
		require.True(t, same, "limits hold over all")
	}
}

// TestSecrets: credentials are read where the template is, and again when they may have changed.
func TestSecrets(t *testing.T) {
	address, asked := answering(t)
	w := newWorld(t, secret("shop", "token", "t", "of-shop\n"), secret("crossfade", "token", "t", "of-crossfade"), secret("shop", "org", "id", "seven"))
	all := w.sources("")
	spec := source(t, "web: {address: "+address+", bearer: {name: token, key: t}, headers: [{name: X-Scope-OrgID, secret: {name: org, key: id}}]}")
	value := func(from analysis.Source) error {
		_, err := from.Value(t.Context(), "body.errors", w.clock())
		return err
	}
	mine, err := all.Open(t.Context(), release("shop"), &v1alpha1.AnalysisTemplateRef{Kind: "AnalysisTemplate"}, spec)
	require.NoError(t, err)
	require.NoError(t, value(mine))
	require.Equal(t, "Bearer of-shopseven", asked.Load())

	t.Run("of a ClusterAnalysisTemplate in the controller's namespace", func(t *testing.T) {
		spec := source(t, "web: {address: "+address+", bearer: {name: token, key: t}}")
		its, err := all.Open(t.Context(), release("shop"), &v1alpha1.AnalysisTemplateRef{Kind: "ClusterAnalysisTemplate"}, spec)
		require.NoError(t, err)
		require.NoError(t, value(its))
		require.Equal(t, "Bearer of-crossfade", asked.Load())
	})
	t.Run("a new one counts within a minute, for who has the source", func(t *testing.T) {
		rotated := secret("shop", "token", "t", "rotated")
		require.NoError(t, w.Update(t.Context(), rotated))
		w.pass(59 * time.Second)
		require.NoError(t, value(mine))
		require.Equal(t, "Bearer of-shopseven", asked.Load())
		w.pass(time.Second)
		require.NoError(t, value(mine))
		require.Equal(t, "Bearer rotatedseven", asked.Load())
	})
	t.Run("an API server that is away takes none back", func(t *testing.T) {
		w.calls.Get = func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return errors.New("away")
		}
		w.pass(time.Hour)
		require.NoError(t, value(mine))
	})
	t.Run("one that may not be read any more is not used", func(t *testing.T) {
		w.calls.Get = func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "token", errors.New("no"))
		}
		w.pass(time.Minute)
		err := value(mine)
		require.ErrorIs(t, err, analysis.ErrRefused)
		require.ErrorContains(t, err, "may not be read; have the operator add the namespace to analysis.secrets of the chart")
		w.calls.Get = nil
		w.pass(time.Minute)
		require.NoError(t, value(mine), "once that is mended it goes on")
	})
}

// TestSecretsThatLack: each problem of a Secret is one sentence with its mend.
func TestSecretsThatLack(t *testing.T) {
	w := newWorld(t, secret("shop", "empty", "username", "\n"), secret("shop", "half", "username", "u", "apiKey", "k", "accessKeyID", "k", "clientID", "i", "tls.crt", "c"))
	for text, want := range map[string]string{
		"web: {address: http://a, bearer: {name: gone, key: t}}":                       "Secret gone of namespace shop does not exist; create it, or correct its name in the source",
		"web: {address: http://a, bearer: {name: half, key: t}}":                       "Secret half of namespace shop has no entry t, or an empty one; add it",
		"web: {address: http://a, basic: empty}":                                       "Secret empty of namespace shop has no entry username",
		"web: {address: http://a, basic: half}":                                        "Secret half of namespace shop has no entry password",
		"web: {address: http://a, headers: [{name: a, secret: {name: half, key: t}}]}": "Secret half of namespace shop has no entry t",
		"prometheus: {address: http://a, tls: {ca: {name: half, key: ca}}}":            "Secret half of namespace shop has no entry ca",
		"prometheus: {address: http://a, tls: {ca: {name: half, key: username}}}":      "CA: it has no certificate",
		"prometheus: {address: http://a, tls: {certificate: half}}":                    "Secret half of namespace shop has no entry tls.key",
		"prometheus: {address: http://a, oauth2: {client: half, tokenURL: http://b}}":  "Secret half of namespace shop has no entry clientSecret",
		"prometheus: {address: ftp://a}":                                               "it is no URL of http or https; correct it",
		"datadog: {keys: half}":                                                        "Secret half of namespace shop has no entry applicationKey",
		"cloudWatch: {region: eu-central-1, keys: half}":                               "Secret half of namespace shop has no entry secretAccessKey",
	} {
		_, err := w.sources("").Open(t.Context(), release("shop"), nil, source(t, text))
		require.ErrorIs(t, err, analysis.ErrRefused, text)
		require.ErrorContains(t, err, want, text)
	}
	t.Run("a controller that doesn't know where it is", func(t *testing.T) {
		address, _ := answering(t)
		_, err := withoutNamespace(w).Open(t.Context(), release("shop"), &v1alpha1.AnalysisTemplateRef{Kind: "ClusterAnalysisTemplate"},
			source(t, "web: {address: "+address+", bearer: {name: half, key: username}}"))
		require.ErrorContains(t, err, "have its operator set --leader-election-namespace")
	})
}
