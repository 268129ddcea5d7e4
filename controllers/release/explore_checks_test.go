package release_test

import (
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/controllers/release/planner"
)

// looksOnce: a look that sends something changes the world; and a look at a world in which nobody has moved since
// the last one sends nothing of what that one sent, and nothing at all where that one sent nothing.
func (e *explorer) looksOnce(before arrival, after place, to mark) {
	if len(before.lag) > 0 {
		return
	}
	what := hears(func() {
		if to == before.mark {
			require.Empty(after.t, after.last.Writes, "a look at a world that stays as it is sends something")
		}
		for _, w := range after.last.Writes {
			sent, alone := slices.Contains(before.sentLast, w.String()), len(before.sentLast) == 0 && before.evidence == nil
			require.False(after.t, before.looked && (sent || alone), "a second look at the same world sends %s", w)
		}
	})
	if what != "" {
		e.broke(step{before.id, 0, -1}, what)
	}
}

// takeRound notes the state that comes after a fair round, which begins with a look.
func (e *explorer) takeRound(p arrival, looked place) {
	if e.afterRound[p.id] != unknown {
		return
	}
	c, rests := looked.clone(), false
	c.looked, c.sentLast = false, nil
	if what := hears(func() { rests = c.round(p.mark) }); what != "" {
		e.afterRound[p.id] = broken
		e.broke(step{p.id, roundMove, -1}, what)
		return
	}
	if rests && !c.ended {
		e.afterRound[p.id] = atRest
		held := c.last.Rule == planner.RuleHolding || c.last.Rule == planner.RuleUserPaused || c.user.paused || c.control.Paused
		if !held {
			e.broke(step{p.id, roundMove, -1}, fmt.Sprintf("at rest, neither ended nor held: %s: %s", c.last.Rule, c.last.Status.Message))
		}
		return
	}
	e.afterRound[p.id] = e.arrive(c, c.mark(), step{p.id, roundMove, -1})
}

// roundMove is the number of a round among the moves.
const roundMove = -1

// endsWell: all is as the user wrote it, once the others have come to rest.
func (e *explorer) endsWell(p arrival) {
	e.afterRound[p.id] = atRest
	c := p.clone()
	what := hears(func() {
		for c.others() {
		}
		c.asTheUserWroteIt()
	})
	if what != "" {
		e.broke(step{p.id, roundMove, -1}, what)
	}
}

// settle checks that fair rounds lead from each state to one that is at rest.
func (e *explorer) settle() {
	settles := make([]int8, len(e.paths)) // 1: on the way, 2: known to settle
	for start := range e.paths {
		var way []int32
		at := int32(start)
		for at >= 0 && settles[at] == 0 {
			settles[at] = 1
			way = append(way, at)
			at = e.afterRound[at]
		}
		if at >= 0 && settles[at] == 1 {
			e.broke(step{at, roundMove, -1}, "left alone, it goes round for ever")
		}
		for _, passed := range way {
			settles[passed] = 2
		}
	}
}
