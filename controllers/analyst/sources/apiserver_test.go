package sources_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/controllers/analyst/sources"
)

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, text := range texts {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

// TestAPIServer: all ways to the API server are known: the controller's own, the Service's, and past it.
func TestAPIServer(t *testing.T) {
	slice := func(name, of string, addresses ...string) *discoveryv1.EndpointSlice {
		return &discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: of}},
			Endpoints:  []discoveryv1.Endpoint{{Addresses: addresses}},
		}
	}
	w := newWorld(t,
		&corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "kubernetes"},
			Spec:       corev1.ServiceSpec{ClusterIP: "10.43.0.1", ClusterIPs: []string{"10.43.0.1", "fd00:43::1"}},
		},
		slice("kubernetes", "kubernetes", "192.0.2.10", "192.0.2.11"), slice("other", "other", "192.0.2.99"))
	server := &sources.APIServer{Host: "https://198.51.100.3:6443", Reader: w.Client, Clock: w.clock}
	got, err := server.Addresses(t.Context())
	require.NoError(t, err)
	want := prefixes("10.43.0.1/32", "192.0.2.10/32", "192.0.2.11/32", "198.51.100.3/32", "fd00:43::1/128")
	require.Equal(t, want, got)

	t.Run("it is looked up again after a minute", func(t *testing.T) {
		require.NoError(t, w.Delete(t.Context(), slice("kubernetes", "kubernetes")))
		require.NoError(t, w.Create(t.Context(), slice("kubernetes", "kubernetes", "192.0.2.12")))
		got, err := server.Addresses(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, got)
		w.pass(time.Minute)
		got, err = server.Addresses(t.Context())
		require.NoError(t, err)
		require.Contains(t, got, netip.MustParsePrefix("192.0.2.12/32"))
		require.NotContains(t, got, netip.MustParsePrefix("192.0.2.10/32"))
	})
	t.Run("where it is away, those before stay; where nothing is known, nobody is asked", func(t *testing.T) {
		before, err := server.Addresses(t.Context())
		require.NoError(t, err)
		w.calls.Get = func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return errors.New("away")
		}
		w.pass(time.Hour)
		got, err := server.Addresses(t.Context())
		require.NoError(t, err)
		require.Equal(t, before, got)
		_, err = (&sources.APIServer{Host: "127.0.0.1:6443", Reader: w.Client, Clock: w.clock}).Addresses(t.Context())
		require.Error(t, err)
	})
}
