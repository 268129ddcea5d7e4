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

// interleaves requires that the owners of two Services on one route leave no trace.
func (c contract) interleaves(t *testing.T) {
	if c.names(c.user, Cart) { // else one owner has nobody to meet
		Interleave(t, c.Provider, c.user, Acting{CheckoutOwner, c.steps(Checkout)}, Acting{CartOwner, c.steps(Cart)})
	}
}

// Acting is an owner with what it may want of a route, one after the other.
type Acting struct {
	Owner trafficrouting.Owner
	Steps []trafficrouting.Split
}

// at is a step, counted on from the first again after the last.
func (a Acting) at(i int) *trafficrouting.Split { return &a.Steps[i%len(a.Steps)] }

// Interleave requires that two owners who start, step and end in any order leave the user's route,
// and that on the way the route depends on their present splits alone.
func Interleave(t *testing.T, p trafficrouting.Provider, user trafficrouting.Objects, one, other Acting) {
	t.Helper()
	for _, shift := range []int{0, 3} {
		a := []turn{{one.Owner, one.at(shift)}, {one.Owner, one.at(shift + 2)}, {one.Owner, nil}}
		b := []turn{{other.Owner, other.at(shift + 1)}, {other.Owner, other.at(shift + 4)}, {other.Owner, nil}}
		for _, order := range interleavings(a, b) {
			play(t, contract{Provider: p, user: user}, order)
		}
	}
}

func play(t *testing.T, c contract, order []turn) {
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
		for owner, s := range now {
			fresh = c.render(t, fresh, owner, s)
		}
		SameObjects(t, fresh, Needed(c.Provider, fresh, live, order[0].owner, order[len(order)-1].owner), "the order shows")
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
		if !c.named || written.CanaryPPM != 0 { // a chosen rule may send nothing to the Service
			require.InDelta(t, s.Shares[1].PPM, written.CanaryPPM, 1)
		}

		accepted := c.Observe(c.Accept(live), CheckoutOwner, splits)
		require.True(t, accepted.InEffect, accepted.Message)
		require.Equal(t, c.Best, accepted.Evidence)
		require.Empty(t, accepted.Message)
	}
	gone := c.Observe(trafficrouting.Objects{}, CheckoutOwner, c.steps(Checkout)[:1])
	require.Equal(t, trafficrouting.EvidenceNone, gone.Evidence)
	require.NotEmpty(t, gone.Message)
}
