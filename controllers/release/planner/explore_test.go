package planner_test

import (
	"flag"
	"maps"
	"slices"
	"testing"
	"time"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

var explored = flag.Int("states", 3000, "how many states of the small world to explore; 0 explores until nothing is new")

// On one path fate strikes, and the user acts, this often.
const (
	mostFaults = 2
	mostDeeds  = 2
)

// TestExplore goes through the states of small worlds: every party's look, every fault and every deed of a
// user, in every order, under the guard of the invariants. Worlds that were spared most come first, and of
// these the nearest. From a part of the states the world is left alone, and must come to its end.
func TestExplore(t *testing.T) {
	all := &explorer{rules: map[planner.Rule]bool{}}
	total, left := 0, 0
	for name, small := range smallWorlds {
		t.Run(name, func(t *testing.T) {
			e := &explorer{seen: map[fingerprint]bool{}, rules: all.rules}
			e.add(small.begin(t))
			for *explored == 0 || len(e.seen) < *explored/len(smallWorlds) {
				next, ok := e.next()
				if !ok {
					break
				}
				e.expand(next)
			}
			frontier := 0
			for _, places := range e.frontier {
				frontier += len(places)
			}
			t.Logf("states %d, frontier %d", len(e.seen), frontier)
			total, left = total+len(e.seen), left+frontier
		})
	}
	t.Logf("states %d, rules fired %d/%d, frontier %d", total, len(all.rules), len(planner.Rules), left)
}

// smallWorld is two pods, two steps and a policy.
type smallWorld struct {
	steps  []v1alpha1.Step
	change func(*v1alpha1.RolloutSpec)
	// judged: there is evidence, which passes at first.
	judged bool
}

var smallWorlds = map[string]smallWorld{
	"at once": {steps: []v1alpha1.Step{weigh("half", 50, holdFor(30*time.Second)), weigh("all", 100, nil)}},
	"by steps, with a look": {
		steps: []v1alpha1.Step{weigh("quarter", 25, nil), weigh("half", 50, approval())},
		change: func(p *v1alpha1.RolloutSpec) {
			p.Rollback = v1alpha1.RollbackSpec{Traffic: "BySteps", Then: "Hold", HoldFor: long(time.Minute)}
		},
	},
	"blue-green": {
		steps: []v1alpha1.Step{{Name: "preview", Replicas: percent("100%"), Match: matching("", 1, nil).Match, Hold: approval()}},
		change: func(p *v1alpha1.RolloutSpec) {
			p.Strategy.KeepOldFor, p.Rollback.Then = long(2*time.Minute), "Revert"
		},
	},
	"down by steps": {
		steps:  []v1alpha1.Step{weigh("half", 50, nil), weigh("quarter", 25, approval())},
		change: func(p *v1alpha1.RolloutSpec) { p.Rollback.Traffic = "BySteps" },
	},
	"judged": {steps: []v1alpha1.Step{weigh("half", 50, nil), weigh("most", 75, nil)}, judged: true},
}

func (s smallWorld) begin(t *testing.T) place {
	w := newWorld(t, options{replicas: 2, steps: s.steps, change: s.change})
	g := guard(w)
	if s.judged {
		w.judge(v1alpha1.VerdictPass, "as good as stable")
	}
	w.image("checkout:2")
	return place{world: w, guard: g}
}

// place is a state with what led there.
type place struct {
	*world
	guard         *guardian
	faults, deeds int
}

// clone is an independent copy. Objects are never changed in place, so that they are shared.
func (p place) clone() place {
	w, g := *p.world, *p.guard
	w.model = p.model.Clone()
	w.store = &store{objects: maps.Clone(p.store.objects), version: p.store.version}
	w.slices, w.fails = maps.Clone(p.slices), maps.Clone(p.fails)
	w.control, w.status = *p.control.DeepCopy(), *p.status.DeepCopy()
	w.user.objects = maps.Clone(p.user.objects)
	w.tale.lines = slices.Clip(p.tale.lines)
	g.w, g.weights, g.pins = &w, maps.Clone(p.guard.weights), maps.Clone(p.guard.pins)
	w.watch, w.judgeDecision = g.look, g.decided
	return place{world: &w, guard: &g, faults: p.faults, deeds: p.deeds}
}

type explorer struct {
	seen  map[fingerprint]bool
	rules map[planner.Rule]bool
	// frontier holds the states to go on from, by how many faults and deeds led there.
	frontier [mostFaults + mostDeeds + 1][]place
}

func (e *explorer) next() (place, bool) {
	for i, places := range e.frontier {
		if len(places) > 0 {
			e.frontier[i] = places[1:]
			return places[0], true
		}
	}
	return place{}, false
}

// add keeps a state that is new.
func (e *explorer) add(p place) {
	mark := p.fingerprint()
	if e.seen[mark] {
		return
	}
	e.seen[mark] = true
	e.rules[p.last.Rule] = true
	if !p.ended {
		e.frontier[p.faults+p.deeds] = append(e.frontier[p.faults+p.deeds], p)
	}
	if len(e.seen)%100 == 0 {
		p.clone().leaveAlone()
	}
}

// expand adds all states that one move leads to.
func (e *explorer) expand(p place) {
	for _, m := range moves {
		if m.fault && p.faults == mostFaults || m.deed && p.deeds == mostDeeds {
			continue
		}
		c := p.clone()
		if !m.do(c.world) {
			continue
		}
		if m.fault {
			c.faults++
		}
		if m.deed {
			c.deeds++
		}
		e.add(c)
	}
}

// leaveAlone has the user ask for nothing more, and lets the world come to its end.
func (p place) leaveAlone() {
	p.t.Helper()
	p.rolloutResume()
	p.resume()
	p.healCanary()
	if p.evidence != nil {
		p.judge(v1alpha1.VerdictPass, "as good as stable")
	}
	p.until("the end", func() bool {
		if p.last.Rule == planner.RuleHolding {
			p.approve(p.status.StepName)
		}
		return p.ended
	})
	p.asTheUserWroteIt()
}

// move is one thing that can happen. do says whether it did anything.
type move struct {
	do          func(*world) bool
	fault, deed bool
}

var moves = append([]move{
	{do: func(w *world) bool { w.reconcile(); return true }},
	{do: party("the Deployment controller looked", func(w *world) bool { return w.model.SyncDeployment() })},
	{do: party("the ReplicaSet controller looked", func(w *world) bool { return w.model.SyncReplicaSets() })},
	{do: party("the kubelet looked", func(w *world) bool { return w.model.Kubelet() })},
	{do: party("endpoints and gateway looked", func(w *world) bool {
		moved := w.collectGarbage()
		moved = w.syncEndpoints() || moved
		return w.acceptRoutes() || moved
	})},
	{do: func(w *world) bool {
		wake := planner.Plan(w.input()).Wake
		w.model.Advance(wake)
		return wake > 0
	}},
	deed(func(w *world) { w.image("checkout:3") }),
	deed(func(w *world) { w.image("checkout:1") }),
	deed(func(w *world) { w.scale(3) }),
	deed(func(w *world) { w.scale(1) }),
	deed((*world).rolloutPause),
	deed((*world).rolloutResume),
	deed((*world).pause),
	deed((*world).resume),
	deed(func(w *world) { w.approve(w.status.StepName) }),
	deed(func(w *world) { w.goTo(w.policy.Strategy.Steps[0].Name) }),
	deed(func(w *world) { w.goTo(w.policy.Strategy.Steps[len(w.policy.Strategy.Steps)-1].Name) }),
	deed((*world).suspend),
	deed((*world).promote),
	deed((*world).abort),
	deed((*world).deleteRollout),
	deed((*world).resetRoute),
	fate((*world).unreadyCanary),
	fate((*world).healCanary),
	verdict(v1alpha1.VerdictPass),
	verdict(v1alpha1.VerdictFail),
	verdict(v1alpha1.VerdictNoData),
}, mishaps()...)

func party(what string, look func(*world) bool) func(*world) bool {
	return func(w *world) bool {
		moved := look(w)
		w.instant(what)
		return moved
	}
}

func deed(do func(*world)) move {
	return move{deed: true, do: func(w *world) bool { do(w); w.instant("a user acted"); return true }}
}

func fate(do func(*world)) move {
	return move{fault: true, do: func(w *world) bool { do(w); w.instant("fate struck"); return true }}
}

// verdict is what the evidence says from now on, in a world that is judged.
func verdict(v v1alpha1.Verdict) move {
	return move{fault: true, do: func(w *world) bool {
		if w.evidence == nil || w.evidence.Verdict == v {
			return false
		}
		w.judge(v, "as it is")
		w.instant("the evidence turned")
		return true
	}}
}

// mishaps end a reconcile before its k-th write: by a crash, or because somebody wrote first.
func mishaps() []move {
	var out []move
	for k := range 3 {
		for _, spoiled := range []faults{{crash: k, conflict: -1}, {crash: -1, conflict: k}} {
			out = append(out, move{fault: true, do: func(w *world) bool {
				if len(planner.Plan(w.input()).Writes) <= k {
					return false
				}
				w.faults = spoiled
				w.reconcile()
				w.faults = noFaults
				return true
			}})
		}
	}
	return out
}
