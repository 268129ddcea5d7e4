package providertest

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting"
)

// parts are what owners have in a route at a time.
type parts map[trafficrouting.Owner]trafficrouting.Split

// guards: whatever tool writes what the user has in Git, or edits the live route, the parts stay and the edit does.
func (c contract) guards(t *testing.T) {
	SameJSON(t, c.user.Route, c.guard(t, c.user.Route, c.user.Route), "nothing to guard")
	shared := c.names(c.user, Cart)
	for _, s := range c.steps(Checkout) {
		c.guarded(t, parts{CheckoutOwner: s})
		for _, other := range c.steps(Cart) {
			if shared {
				c.guarded(t, parts{CheckoutOwner: s, CartOwner: other})
			}
		}
	}
}

func (c contract) guard(t *testing.T, stored, written *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	out, err := c.Guard(trafficrouting.Objects{Route: stored}, trafficrouting.Objects{Route: written})
	require.NoError(t, err)
	return out.Route
}

// guarded checks updates of a route with these parts against what rendering makes of the user's.
func (c contract) guarded(t *testing.T, p parts) {
	t.Helper()
	user := c.user.Route
	split, err := c.with(c.user, p)
	require.NoError(t, err)
	live := split.Route
	stored := live.DeepCopy()
	SameJSON(t, live, c.guard(t, live, user), "the user's own again")
	SameJSON(t, live, c.guard(t, live, live), "nothing new")
	SameJSON(t, user, c.guard(t, user, live), "parts of an earlier release revived")
	for name, edit := range c.Edits {
		byManifest, byHand := user.DeepCopy(), live.DeepCopy()
		edit(byManifest)
		edit(byHand)
		want, refused := c.with(trafficrouting.Objects{Route: byManifest, Beside: c.user.Beside}, p)
		for how, written := range map[string]*unstructured.Unstructured{"by manifest": byManifest, "by hand": byHand} {
			got, err := c.Guard(trafficrouting.Objects{Route: live}, trafficrouting.Objects{Route: written})
			if refused != nil || c.named && c.loses(t, byManifest, p) {
				require.Error(t, err, "%s, %s: %v", name, how, refused)
				continue
			}
			require.NoError(t, err, "%s, %s", name, how)
			SameJSON(t, want.Route, got.Route, "%s, %s", name, how)
		}
	}
	SameJSON(t, stored, live, "arguments stay as they are")
}

// with returns a user's objects with these parts.
func (c contract) with(user trafficrouting.Objects, p parts) (trafficrouting.Objects, error) {
	for owner, split := range p {
		var err error
		if user, err = c.Render(user, owner, []trafficrouting.Split{split}); err != nil {
			return trafficrouting.Objects{}, err
		}
	}
	return user, nil
}
