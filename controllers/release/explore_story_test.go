package release_test

import (
	"fmt"
	"maps"
	"slices"

	"crossfade.io/crossfade/controllers/release/planner"
)

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
	return fmt.Sprintf("states %d, violations %d, rules fired %d/%d, frontier %d", t.states, t.violations, len(planner.Rules)-len(t.unfired()), len(planner.Rules), t.frontier)
}

// unfired are the rules that no look fired.
func (t tally) unfired() []planner.Rule {
	return slices.DeleteFunc(slices.Clone(planner.Rules), func(r planner.Rule) bool { return t.rules[r] })
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
