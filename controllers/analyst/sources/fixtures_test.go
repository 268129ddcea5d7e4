package sources_test

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/analyst/sources"
)

// world is a cluster and a clock.
type world struct {
	client.Client
	mu  sync.Mutex
	now time.Time
	// denied are the API server's addresses.
	denied []netip.Prefix
	allow  []netip.Prefix
	deny   []netip.Prefix
	// calls of the API server fail as this says; nil lets them pass.
	calls interceptor.Funcs
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	require.NoError(t, clientgoscheme.AddToScheme(scheme))
	require.NoError(t, v1alpha1.AddToScheme(scheme))
	w := &world{now: time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC), allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	inner := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
	w.Client = interceptor.NewClient(inner, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			if w.calls.Get != nil {
				return w.calls.Get(ctx, c, key, obj, opts...)
			}
			return c.Get(ctx, key, obj, opts...)
		},
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			if w.calls.Create != nil {
				return w.calls.Create(ctx, c, obj, opts...)
			}
			return c.Create(ctx, obj, opts...)
		},
	})
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) sources(prometheus string) *sources.Sources {
	return sources.New(sources.Options{
		Prometheus: prometheus, Namespace: "crossfade", Allow: w.allow, Deny: w.deny, Clock: w.clock, Poll: time.Millisecond,
		Denied: func(context.Context) ([]netip.Prefix, error) { return w.denied, nil },
	}, w.Client, w.Client)
}

func release(namespace string) *v1alpha1.Release {
	return &v1alpha1.Release{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "checkout-7", UID: "u-" + "7"}}
}

func secret(namespace, name string, entries ...string) *corev1.Secret {
	out := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: map[string][]byte{}}
	for i := 0; i < len(entries); i += 2 {
		out.Data[entries[i]] = []byte(entries[i+1])
	}
	return out
}

func source(t *testing.T, text string) *v1alpha1.MetricSource {
	t.Helper()
	var spec v1alpha1.MetricSource
	require.NoError(t, yaml.UnmarshalStrict([]byte(text), &spec), text)
	return &spec
}

func withoutNamespace(w *world) *sources.Sources {
	return sources.New(sources.Options{
		Allow: w.allow, Clock: w.clock, Denied: func(context.Context) ([]netip.Prefix, error) { return nil, nil },
	}, w.Client, w.Client)
}
