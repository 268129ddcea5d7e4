package release_test

import (
	"flag"
	"maps"
	"regexp"
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
	explored   = flag.String("worlds", "^(pods that fail|judged)$", "which small worlds to explore")
	mostStates = flag.Int("states", 0, "how many states of each small world to explore; 0 explores until nothing is new")
	mostFaults = flag.Int("faults", 1, "how often fate strikes on one path at most, where a small world allows for it")
	mostDeeds  = flag.Int("deeds", 0, "how often users act on one path at most, where a small world allows for it")
)

// TestExplore goes through the states of small worlds: every party's look, every fault and every deed of a user, in
// every order, under the guard of the invariants, with the product's own loop. Left alone, each state comes to a
// good end.
func TestExplore(t *testing.T) {
	var mu sync.Mutex
	total := tally{rules: map[planner.Rule]bool{}}
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(12 << 30)
	t.Run("worlds", func(t *testing.T) {
		for _, name := range sortedKeys(smallWorlds) {
			if !regexp.MustCompile(*explored).MatchString(name) {
				continue
			}
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
	t.Log("never fired:", total.unfired())
	t.Log(total)
	require.Zero(t, total.violations)
	if *explored == "." && *mostStates == 0 && *mostFaults > 1 && *mostDeeds > 1 {
		require.Empty(t, total.unfired(), "rules that nothing reaches")
	}
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
	// told is how many states there were when progress was told last.
	told int
}

// arrival is a state to go on from.
type arrival struct {
	place
	id   int32
	mark mark
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
		moves:    slices.Concat(looks, parties, small.fates, small.deeds, small.after),
		frontier: make([][]arrival, small.mostFaults+small.mostDeeds+1),
	}
	first := small.begin(t, false)
	e.arrive(first, first.mark(), step{from: -1})
	return e
}

// progress is told after so many states.
const progress = 10_000

// enough violations are found in a world to go no further.
const enough = 100

func (e *explorer) explore() {
	for e.violations < enough && (*mostStates == 0 || len(e.paths) < *mostStates) {
		next, ok := e.next()
		if !ok {
			return
		}
		if len(e.paths) >= e.told+progress {
			e.told = len(e.paths)
			e.t.Log("so far", e.tally())
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
func (e *explorer) arrive(p place, m mark, by step) int32 {
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
	e.frontier[p.faults+p.deeds] = append(e.frontier[p.faults+p.deeds], arrival{p, id, m})
	return id
}

// expand adds all states that one move leads to.
func (e *explorer) expand(p arrival) {
	if p.ended {
		e.endsWell(p)
	}
	sends, c, used := traffic{}, place{}, true
	for i, m := range e.moves {
		if !e.may(p, m, sends) {
			continue
		}
		if used {
			c = p.clone()
		}
		moved := false
		if what := hears(func() { moved = m.do(c.world) }); what != "" {
			e.broke(step{p.id, int16(i), -1}, what)
			used = true
			continue
		}
		if used = moved || m.fault || m.deed; !moved {
			continue
		}
		if i < len(looks) {
			c.lag = nil
		}
		to := c.mark()
		c.looked, c.sentLast = i == 0 && len(p.lag) == 0, nil // what lagged is seen next time, as if it had moved
		if i == 0 {
			if len(e.small.writes) > 0 {
				sends = trafficOf(p, c)
			}
			e.rules[c.last.Rule] = true
			e.looksOnce(p, c, to)
			e.takeRound(p, c)
			for _, w := range c.last.Writes {
				c.sentLast = append(c.sentLast, w.String())
			}
		}
		c.faults, c.deeds = p.faults+count(m.fault), p.deeds+count(m.deed)
		e.arriveWithLags(p, c, to, int16(i))
	}
}

// traffic is what a look that goes well sends: how many writes, and from which on the native controllers have
// something to do.
type traffic struct{ writes, answered int }

func trafficOf(before arrival, looked place) traffic {
	native := before.model.Clone()
	switch {
	case native.SyncDeployment() || native.SyncReplicaSets():
		return traffic{looked.sent, 0}
	case looked.firstNative < 0:
		return traffic{looked.sent, mostWrites}
	}
	return traffic{looked.sent, looked.firstNative}
}

// may says whether a move is one of this world's, here.
func (e *explorer) may(p arrival, m move, sends traffic) bool {
	if m.fault && p.faults == e.small.mostFaults || m.deed && p.deeds == e.small.mostDeeds || m.after != p.ended {
		return false
	}
	if m.write < 0 {
		return true
	}
	return m.write < sends.writes && slices.Contains(e.small.writes, m.how) && (m.how != overtaken || m.write >= sends.answered)
}

func count(counts bool) int {
	if counts {
		return 1
	}
	return 0
}

// arriveWithLags arrives after a move, once with caches that see it, and for each kind that it wrote to once with a
// cache that does not until Crossfade has looked.
func (e *explorer) arriveWithLags(before arrival, after place, to mark, by int16) {
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
			e.arrive(late, late.mark(), step{before.id, by, int8(slices.Index(lagging, kind))})
		}
	}
	e.arrive(after, to, step{before.id, by, -1})
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
