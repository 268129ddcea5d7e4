package providertest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/trafficrouting"
)

// turn is one thing that one of two owners does; the last of its turns is to end.
type turn struct {
	owner trafficrouting.Owner
	split *trafficrouting.Split
}

// interleaves requires that two owners who start, step and end in any order leave the user's route,
// and that on the way the route depends on their present splits alone.
func (c contract) interleaves(t *testing.T) {
	if !c.Names(c.user, Cart) {
		return // one owner has nobody to meet
	}
	checkout, cart := c.steps(Checkout), c.steps(Cart)
	for _, shift := range []int{0, 3} {
		a := []turn{{CheckoutOwner, &checkout[shift%len(checkout)]}, {CheckoutOwner, &checkout[(shift+2)%len(checkout)]}, {CheckoutOwner, nil}}
		b := []turn{{CartOwner, &cart[(shift+1)%len(cart)]}, {CartOwner, &cart[(shift+4)%len(cart)]}, {CartOwner, nil}}
		for _, order := range interleavings(a, b) {
			c.play(t, order)
		}
	}
}

func (c contract) play(t *testing.T, order []turn) {
	t.Helper()
	live := c.user
	now := map[trafficrouting.Owner]trafficrouting.Split{}
	for _, next := range order {
		if next.split == nil {
			delete(now, next.owner)
			live = c.strip(t, live, next.owner)
		} else {
			now[next.owner] = *next.split
			live = c.render(t, live, next.owner, *next.split)
		}
		fresh := c.user
		for _, owner := range []trafficrouting.Owner{CartOwner, CheckoutOwner} {
			if s, ok := now[owner]; ok {
				fresh = c.render(t, fresh, owner, s)
			}
		}
		SameObjects(t, fresh, live, "the order shows")
	}
	SameObjects(t, c.user, live)
}

func interleavings(a, b []turn) [][]turn {
	if len(a) == 0 || len(b) == 0 {
		return [][]turn{append(append([]turn(nil), a...), b...)}
	}
	var out [][]turn
	for _, rest := range interleavings(a[1:], b) {
		out = append(out, append([]turn{a[0]}, rest...))
	}
	for _, rest := range interleavings(a, b[1:]) {
		out = append(out, append([]turn{b[0]}, rest...))
	}
	return out
}

// keepsEdits requires that what others change while the route is split is there when it is stripped,
// and split from the next rendering on.
func (c contract) keepsEdits(t *testing.T) {
	for name, edit := range c.Edits {
		for _, s := range c.steps(Checkout) {
			edited := copyOf(c.user)
			edit(edited.Route)
			if c.Check(edited, CheckoutOwner, []trafficrouting.Split{s}) != "" {
				continue // not a route that could be split
			}
			live := copyOf(c.render(t, c.user, CheckoutOwner, s))
			edit(live.Route)
			SameObjects(t, edited, c.strip(t, live, CheckoutOwner), name)
			SameObjects(t, c.render(t, edited, CheckoutOwner, s), c.render(t, live, CheckoutOwner, s), name)

			replaced := copyOf(edited)
			SameObjects(t, edited, c.strip(t, replaced, CheckoutOwner), "%s, with our part replaced away", name)
			replaced.Route.SetAnnotations(live.Route.GetAnnotations())
			SameObjects(t, c.render(t, edited, CheckoutOwner, s), c.render(t, replaced, CheckoutOwner, s), "%s, with only our annotations left", name)
		}
	}
}

func (c contract) observes(t *testing.T) {
	for _, s := range c.steps(Checkout) {
		splits := []trafficrouting.Split{s}
		live := c.render(t, c.user, CheckoutOwner, s)
		if changes := c.user.Changes(live); len(changes) > 0 {
			before := c.Observe(c.user, CheckoutOwner, splits)
			require.True(t, before.Drifted)
			require.Equal(t, changes, c.user.Changes(*before.Rendered))
			require.False(t, before.InEffect)
			require.Less(t, before.Evidence, trafficrouting.EvidenceWritten)
			require.NotEmpty(t, before.Message)
		}
		written := c.Observe(live, CheckoutOwner, splits)
		require.False(t, written.Drifted, written.Message)
		require.Equal(t, trafficrouting.EvidenceWritten, written.Evidence)
		require.InDelta(t, s.Shares[1].PPM, written.CanaryPPM, 1)

		accepted := c.Observe(c.Accept(live), CheckoutOwner, splits)
		require.True(t, accepted.InEffect, accepted.Message)
		require.Equal(t, c.Best, accepted.Evidence)
		require.Empty(t, accepted.Message)
	}
	gone := c.Observe(trafficrouting.Objects{}, CheckoutOwner, c.steps(Checkout)[:1])
	require.Equal(t, trafficrouting.EvidenceNone, gone.Evidence)
	require.NotEmpty(t, gone.Message)
}
