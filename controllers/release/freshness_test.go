package release

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/intent"
)

func service(version string) *unstructured.Unstructured {
	obj := &unstructured.Unstructured{}
	obj.SetGroupVersionKind(serviceKind)
	obj.SetName("checkout")
	obj.SetUID("uid")
	obj.SetResourceVersion(version)
	return obj
}

// Two Releases that follow the object.
var one, two = types.NamespacedName{Name: "one-1"}, types.NamespacedName{Name: "two-1"}

func TestFreshness(t *testing.T) {
	now := time.Unix(0, 0)
	fresh := func() *freshness { return newFreshness(func() time.Time { return now }) }

	t.Run("until the cache has seen our write, the world is as that left it", func(t *testing.T) {
		f := fresh()
		f.write("uid")
		require.Empty(t, f.wrote("uid", service("7")))
		seen, err := f.latest(service("6"))
		require.NoError(t, err)
		require.Equal(t, "7", seen.GetResourceVersion())
		seen, err = f.latest(service("8"))
		require.NoError(t, err)
		require.Equal(t, "8", seen.GetResourceVersion())
	})
	t.Run("an object that was scaled is waited for", func(t *testing.T) {
		f := fresh()
		f.scaled(service("7"))
		require.False(t, f.echo(service("7"), one), "its event is what is waited for")
		_, err := f.latest(service("6"))
		require.ErrorIs(t, err, errStale)
		_, err = f.latest(service("7"))
		require.NoError(t, err)
	})
	t.Run("our own write is no news, somebody else's is", func(t *testing.T) {
		f := fresh()
		f.write("uid")
		f.wrote("uid", service("7"))
		require.True(t, f.echo(service("7"), one))
		require.False(t, f.echo(service("8"), one))
	})
	t.Run("an echo that overtakes its answer is no news, a write after ours is", func(t *testing.T) {
		f := fresh()
		f.write("uid")
		require.True(t, f.echo(service("7"), one))
		require.Empty(t, f.wrote("uid", service("7")))
		f.write("uid")
		require.True(t, f.echo(service("8"), one))
		require.True(t, f.echo(service("9"), two))
		require.ElementsMatch(t, []types.NamespacedName{one, two}, f.wrote("uid", service("8")), "of 9 nothing else would tell")
	})
	t.Run("what refused our write is news", func(t *testing.T) {
		f := fresh()
		f.write("uid")
		require.True(t, f.echo(service("7"), one))
		require.Equal(t, []types.NamespacedName{one}, f.wrote("uid", nil))
		require.False(t, f.echo(service("8"), one))
	})
	t.Run("refusals are retried soon, and each in a row later", func(t *testing.T) {
		f := fresh()
		require.Equal(t, refusedRetry, f.refused("uid"))
		require.Equal(t, 2*refusedRetry, f.refused("uid"))
		for range 20 {
			require.LessOrEqual(t, f.refused("uid"), staleRetry)
		}
		f.accepted("uid")
		require.Equal(t, refusedRetry, f.refused("uid"))
	})
	t.Run("a Release is as our last write left it until the cache has seen that", func(t *testing.T) {
		f := fresh()
		release := func(version, rule string) *v1alpha1.Release {
			return &v1alpha1.Release{ObjectMeta: metav1.ObjectMeta{UID: "uid", ResourceVersion: version}, Status: v1alpha1.ReleaseStatus{Rule: rule}}
		}
		f.tell(release("7", "Shifting"))
		require.Equal(t, "Shifting", f.latestRelease(release("6", "Provisioning")).Status.Rule)
		require.Equal(t, "Holding", f.latestRelease(release("8", "Holding")).Status.Rule)
	})
	t.Run("what we made is awaited for a while, what we deleted is gone at once", func(t *testing.T) {
		f := fresh()
		f.created(service("1"))
		require.True(t, f.awaited(service("")))
		f.clock = func() time.Time { return now.Add(freshFor) }
		require.False(t, f.awaited(service("")), "somebody else deleted it")
		f.deleted(service("1"))
		require.True(t, f.gone(service("1")))
	})
}

// TestWhoAnswersAWrite: where nobody does, the next look must not wait for an event. A VirtualService was split once, and
// then nobody came back to see it.
func TestWhoAnswersAWrite(t *testing.T) {
	for kind, answered := range map[schema.GroupVersionKind]bool{
		{Group: "apps", Version: "v1", Kind: "Deployment"}:                            true,
		{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "HTTPRoute"}:        true,
		{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "BackendTLSPolicy"}: false,
		{Version: "v1", Kind: "Service"}:                                              false,
		{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"}:                  false,
		{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"}:         false,
		{Group: "networking.istio.io", Version: "v1beta1", Kind: "DestinationRule"}:   false,
	} {
		write := intent.Write{Verb: intent.Patch, Kind: kind, ChangesSpec: true}
		require.Equal(t, answered, answers(write), "a new spec of %s", kind)
		write.ChangesSpec = false
		require.False(t, answers(write), "a label of %s", kind)
		write.Verb = intent.Create
		require.True(t, answers(write), "a new %s comes by its event", kind)
	}
}
