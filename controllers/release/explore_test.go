package release_test

import (
	"flag"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/controllers/release/planner"
)

var (
	mostStates = flag.Int("states", 0, "how many states of each small world to explore; 0 explores until nothing is new")
	mostFaults = flag.Int("faults", 0, "how often fate strikes on one path at most, where a small world allows for it")
	mostDeeds  = flag.Int("deeds", 0, "how often users act on one path at most, where a small world allows for it")
)

// TestExplore goes through the states of small worlds: every party's look, every fault and every deed of a user, in
// every order, under the guard of the invariants, with the product's own loop. Left alone, each state comes to a
// good end.
func TestExplore(t *testing.T) {
	var mu sync.Mutex
	total := tally{rules: map[planner.Rule]bool{}}
	debug.SetGCPercent(300)
	t.Run("worlds", func(t *testing.T) {
		for _, name := range sortedKeys(smallWorlds) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				begun := time.Now()
				e := newExplorer(t, smallWorlds[name])
				e.explore()
				e.settle()
				mu.Lock()
				defer mu.Unlock()
				total.add(e.tally())
				t.Logf("%s, in %s", e.tally(), time.Since(begun).Round(time.Second))
				for _, story := range e.stories {
					t.Error(story)
				}
			})
		}
	})
	t.Log(total)
	require.Zero(t, total.violations)
}

// tally is what exploring came to.
type tally struct {
	states, violations, frontier int
	rules                        map[planner.Rule]bool
}

func (t *tally) add(other tally) {
	t.states += other.states
	t.violations += other.violations
	t.frontier += other.frontier
	maps.Copy(t.rules, other.rules)
}

// String is the last line of an exploration.
func (t tally) String() string {
	return fmt.Sprintf("states %d, violations %d, rules fired %d/%d, frontier %d", t.states, t.violations, len(t.rules), len(planner.Rules), t.frontier)
}

// step is how a state was reached first: from which, by which move, and of which kind a cache has lagged since.
type step struct {
	from int32
	move int16
	lag  int8
}

// spent is what a path has used up of faults and deeds.
type spent struct{ faults, deeds int8 }

// explorer goes through one small world, breadth first; what fewer faults and deeds lead to comes first.
type explorer struct {
	t     *testing.T
	small smallWorld
	moves []move
	// ids number the states in the order in which they were found; paths, afterRound and spents are by that number.
	ids        map[mark]int32
	paths      []step
	afterRound []int32
	least      [][]spent
	frontier   [][]arrival
	rules      map[planner.Rule]bool
	stories    []string
	violations int
}

// arrival is a state to go on from.
type arrival struct {
	place
	id int32
}

// No state follows a round, yet or at all.
const (
	unknown int32 = -1
	atRest  int32 = -2
	broken  int32 = -3
)

func newExplorer(t *testing.T, small smallWorld) *explorer {
	small.mostFaults, small.mostDeeds = min(small.mostFaults, *mostFaults), min(small.mostDeeds, *mostDeeds)
	e := &explorer{
		t: t, small: small, ids: map[mark]int32{}, rules: map[planner.Rule]bool{},
		moves:    slices.Concat(looks, parties, small.fates, small.deeds),
		frontier: make([][]arrival, small.mostFaults+small.mostDeeds+1),
	}
	e.arrive(small.begin(t, false), step{from: -1})
	return e
}

func (e *explorer) explore() {
	for *mostStates == 0 || len(e.paths) < *mostStates {
		next, ok := e.next()
		if !ok {
			return
		}
		e.expand(next)
	}
}

func (e *explorer) next() (arrival, bool) {
	for i, places := range e.frontier {
		if len(places) > 0 {
			e.frontier[i] = places[1:]
			first := places[0]
			places[0] = arrival{}
			return first, true
		}
	}
	return arrival{}, false
}

// arrive notes a state that is new, or that was never reached with so much left to come, and returns its number.
func (e *explorer) arrive(p place, by step) int32 {
	m := p.mark()
	id, known := e.ids[m]
	if !known {
		id = int32(len(e.paths))
		e.ids[m] = id
		e.paths, e.afterRound, e.least = append(e.paths, by), append(e.afterRound, unknown), append(e.least, nil)
	}
	used := spent{int8(p.faults), int8(p.deeds)}
	for _, other := range e.least[id] {
		if other.faults <= used.faults && other.deeds <= used.deeds {
			return id
		}
	}
	e.least[id] = append(e.least[id], used)
	p.slim()
	e.frontier[p.faults+p.deeds] = append(e.frontier[p.faults+p.deeds], arrival{p, id})
	return id
}

// expand adds all states that one move leads to.
func (e *explorer) expand(p arrival) {
	if p.ended {
		e.endsWell(p)
		return
	}
	writes, answered := 0, mostWrites
	for i, m := range e.moves {
		if m.fault && (p.faults == e.small.mostFaults || m.write >= 0 && !e.small.writes) || m.deed && p.deeds == e.small.mostDeeds || m.write >= writes && m.write >= 0 {
			continue
		}
		if m.how == overtaken && m.write < answered {
			continue // the native controllers have nothing to do yet
		}
		c := p.clone()
		moved := false
		if what := hears(func() { moved = m.do(c.world) }); what != "" {
			e.broke(step{p.id, int16(i), -1}, what)
			continue
		}
		if !moved {
			continue
		}
		if i == 0 {
			writes, answered = c.sent, c.firstNative
			if native := p.model.Clone(); native.SyncDeployment() || native.SyncReplicaSets() {
				answered = 0
			} else if answered < 0 {
				answered = mostWrites
			}
			e.rules[c.last.Rule] = true
			e.takeRound(p, c)
			e.looksOnce(p, c)
		}
		c.looked, c.sentLast = i == 0, nil
		if i == 0 {
			for _, w := range c.last.Writes {
				c.sentLast = append(c.sentLast, w.String())
			}
		}
		c.faults, c.deeds = p.faults+count(m.fault), p.deeds+count(m.deed)
		e.arriveWithLags(p, c, int16(i))
	}
}

func count(counts bool) int {
	if counts {
		return 1
	}
	return 0
}

// arriveWithLags arrives after a move, once with caches that see it, and for each kind that it wrote to once with a
// cache that does not until Crossfade has looked.
func (e *explorer) arriveWithLags(before arrival, after place, by int16) {
	looked := by < int16(len(looks))
	if looked {
		after.lag = nil
	}
	if e.small.caches && after.faults < e.small.mostFaults && !after.ended {
		for _, kind := range after.changed(before.place) {
			if after.lag[kind].deployment != nil {
				continue // it lags already
			}
			late := after.clone()
			late.faults++
			late.lag = maps.Clone(after.lag)
			if late.lag == nil {
				late.lag = map[string]reading{}
			}
			late.lag[kind] = before.present()
			e.arrive(late, step{before.id, by, int8(slices.Index(lagging, kind))})
		}
	}
	e.arrive(after, step{before.id, by, -1})
}

// looksOnce: a look that sends something changes the world; and a look at a world in which nobody has moved since
// the last one sends nothing of what that one sent, and nothing at all where that one sent nothing.
func (e *explorer) looksOnce(before arrival, after place) {
	if len(before.lag) > 0 {
		return
	}
	what := hears(func() {
		if at, seen := e.ids[after.mark()]; seen && at == before.id {
			require.Empty(after.t, after.last.Writes, "a look at a world that stays as it is sends something")
		}
		for _, w := range after.last.Writes {
			sent, alone := slices.Contains(before.sentLast, w.String()), before.looked && len(before.sentLast) == 0 && before.evidence == nil
			require.False(after.t, sent || alone, "a second look at the same world sends %s", w)
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
	if what := hears(func() { rests = c.round(p.mark()) }); what != "" {
		e.afterRound[p.id] = broken
		e.broke(step{p.id, roundMove, -1}, what)
		return
	}
	if rests && !c.ended {
		e.afterRound[p.id] = atRest
		if c.last.Rule != planner.RuleHolding && c.last.Rule != planner.RuleUserPaused {
			e.broke(step{p.id, roundMove, -1}, fmt.Sprintf("at rest, neither ended nor held: %s: %s", c.last.Rule, c.last.Status.Message))
		}
		return
	}
	e.afterRound[p.id] = e.arrive(c, step{p.id, roundMove, -1})
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

// told bounds the stories of one world.
const told = 3

// broke notes a violation, and tells the way to it.
func (e *explorer) broke(by step, what string) {
	e.violations++
	if len(e.stories) < told {
		e.stories = append(e.stories, fmt.Sprintf("%s\n\n%s", headline(what), e.story(by)))
	}
}

// story plays the shortest path to a violation again, aloud.
func (e *explorer) story(last step) string {
	path := []step{last}
	for at := last.from; at > 0; at = e.paths[at].from {
		path = append(path, e.paths[at])
	}
	slices.Reverse(path)
	p := e.small.begin(e.t, true)
	_ = hears(func() {
		for _, s := range path {
			before := p.clone()
			if s.move == roundMove {
				p.tale.line(p.world, "", "everybody looks")
				before := p.mark()
				p.reconcile()
				p.round(before)
				continue
			}
			p.tale.line(p.world, "", "%s", e.moves[s.move].name)
			e.moves[s.move].do(p.world)
			if s.move < int16(len(looks)) {
				p.lag = nil
			}
			if s.lag >= 0 {
				p.tale.line(p.world, "", "the cache does not see the %s yet", lagging[s.lag])
				p.lag = maps.Clone(p.lag)
				if p.lag == nil {
					p.lag = map[string]reading{}
				}
				p.lag[lagging[s.lag]] = before.present()
			}
		}
	})
	return p.tale.String()
}

func (e *explorer) tally() tally {
	t := tally{states: len(e.paths), violations: e.violations, rules: e.rules}
	for _, places := range e.frontier {
		t.frontier += len(places)
	}
	return t
}

func sortedKeys[V any](of map[string]V) []string { return slices.Sorted(maps.Keys(of)) }

// ofKind are the stored objects of a kind.
func ofKind[V any](objects map[string]V, kind string) map[string]V {
	out := map[string]V{}
	for key, obj := range objects {
		if strings.HasPrefix(key, kind+"/") {
			out[key] = obj
		}
	}
	return out
}
