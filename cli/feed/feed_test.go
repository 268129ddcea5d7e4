package feed_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/clitest"
	"crossfade.io/crossfade/cli/feed"
)

var checkout = feed.Scope{Namespace: "shop", Name: "checkout"}

// server holds shop/checkout with a Release in flight; refuse, where it returns an error, fails a list.
func server(t *testing.T, refuse func() error) client.WithWatch {
	t.Helper()
	scheme := runtime.NewScheme()
	require.NoError(t, v1alpha1.AddToScheme(scheme))
	story := clitest.Stories()["stepping-clock"]
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(&story.Rollout, &story.Releases[0], &story.Releases[1]).
		WithIndex(&v1alpha1.Rollout{}, "metadata.name", func(o client.Object) []string { return []string{o.GetName()} }).Build()
	return interceptor.NewClient(c, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if err := refuse(); err != nil {
				return err
			}
			return c.List(ctx, list, opts...)
		},
	})
}

func TestWatchSaysThatTheConnectionIsLostAndComesBack(t *testing.T) {
	var lists atomic.Int32
	c := server(t, func() error {
		if lists.Add(1) == 1 {
			return errors.New("connection refused")
		}
		return nil
	})
	ctx, stop := context.WithCancel(t.Context())
	snapshots := feed.Watch(ctx, c, checkout)
	first := <-snapshots
	require.ErrorContains(t, first.Err, "watch the cluster: ")
	require.ErrorContains(t, first.Err, "connection refused")
	for snapshot := range snapshots {
		if snapshot.Err == nil {
			require.Len(t, snapshot.Rollouts, 1)
			require.Len(t, snapshot.Releases, 2)
			stop()
		}
	}
	stop()
}

func TestReadWithoutCrossfadeInTheCluster(t *testing.T) {
	c := server(t, func() error {
		return apierrors.NewGenericServerResponse(404, "list", schema.GroupResource{Group: "crossfade.io", Resource: "rollouts"}, "", "", 0, true)
	})
	_, err := feed.Read(t.Context(), c, checkout)
	require.EqualError(t, err, "list Rollouts: the cluster does not serve crossfade.io/v1alpha1; install Crossfade there, or choose another cluster with --context")
}
