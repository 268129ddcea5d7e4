package release_test

import (
	"flag"
	"fmt"
	"math/rand"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

var (
	walks    = flag.Int("walks", 200, "how many random walks")
	walkSeed = flag.Int64("walk", 0, "the seed of one random walk to repeat")
)

// TestWorkloadLetGoIsLeftAlone: a template that was applied between the end of a suspended Release and its last look
// was held for good.
func TestWorkloadLetGoIsLeftAlone(t *testing.T) { walk(t, 480) }

// A cache had a smaller size of the workload than the one that its canary was sized for.
func TestCanaryIsNotSizedByAnOutdatedWorkload(t *testing.T) { walk(t, 833) }

// TestRandomWalks lets users and fate do as they please, with crashes, conflicts and lagging caches
// between, and watches the invariants at every instant. Left alone, every world comes to an end.
func TestRandomWalks(t *testing.T) {
	if *walkSeed != 0 {
		walk(t, *walkSeed)
		return
	}
	for seed := int64(1); seed <= int64(*walks); seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			walk(t, seed)
		})
	}
}

// TestHastyWalks has freezes come and go as well, emergencies, and Rollouts whose steps are changed.
func TestHastyWalks(t *testing.T) {
	for seed := int64(1); seed <= int64(*walks)/2; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			w := newWalker(t, seed, frozenNowAndThen)
			w.haste = rand.New(rand.NewSource(-seed)) //nolint:gosec // a seed that is printed is the point
			w.walk()
		})
	}
}

// TestProbedWalks has probes, which are answered now and then, by proxies that follow now and then.
func TestProbedWalks(t *testing.T) {
	for seed := int64(1); seed <= int64(*walks)/2; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			w := newWalker(t, seed, plainAndInsider)
			w.moods = rand.New(rand.NewSource(-seed)) //nolint:gosec // a seed that is printed is the point
			w.walk()
		})
	}
}

// TestLanedWalks has a canary that gets copies first, other headers from then on, and keeps the users that it got.
func TestLanedWalks(t *testing.T) {
	for seed := int64(1); seed <= int64(*walks)/2; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			newWalker(t, seed, func(p *v1alpha1.RolloutSpec) {
				for i := range p.Strategy.Steps {
					p.Strategy.Steps[i].RequestHeaders = &v1alpha1.HeaderModifier{Set: []v1alpha1.Header{{Name: "x-lane", Value: "canary"}}}
				}
				shadow := mirroring().steps[0]
				shadow.Hold = holdFor(time.Minute)
				p.Strategy.Steps = append([]v1alpha1.Step{shadow}, p.Strategy.Steps...)
				if seed%2 == 0 {
					p.Strategy.Stickiness = &v1alpha1.Stickiness{Cookie: "lane", Stable: seed%4 == 0}
				}
			}).walk()
		})
	}
}

// frozenNowAndThen freezes the first minutes of each quarter of an hour.
func frozenNowAndThen(p *v1alpha1.RolloutSpec) {
	p.Freezes = []v1alpha1.Freeze{{Name: "often", Schedule: "*/15 * * * *", For: *long(7 * time.Minute)}}
}

type walker struct {
	*world
	// haste draws what people do in a hurry; nil if they don't.
	haste *rand.Rand
	// moods draws how proxies are; nil if they follow and answer.
	moods  *rand.Rand
	random *rand.Rand
	guard  *guardian
	past   []reading
}

func walk(t *testing.T, seed int64) { newWalker(t, seed, func(*v1alpha1.RolloutSpec) {}).walk() }

func newWalker(t *testing.T, seed int64, more func(*v1alpha1.RolloutSpec)) *walker {
	r := rand.New(rand.NewSource(seed)) //nolint:gosec // a seed that is printed is the point
	o := options{replicas: 1 + r.Intn(6), minReady: r.Intn(2) * 3}
	if r.Intn(2) == 0 {
		o.bounds = "maxSurge: 1, maxUnavailable: 0"
	}
	if r.Intn(3) == 0 {
		o.services = []string{"checkout", "checkout-admin"}
	}
	if r.Intn(3) == 0 {
		o.steps = []v1alpha1.Step{matching("insiders", 1, holdFor(time.Minute)), weigh("ten", 10, nil), weigh("half", 50, approval()), weigh("all", 100, nil)}
	}
	if r.Intn(4) == 0 {
		o.steps = []v1alpha1.Step{weigh("most", 75, nil), weigh("half", 50, approval()), weigh("ten", 10, holdFor(time.Minute))}
	}
	change := anyPolicy(r)
	o.change = func(p *v1alpha1.RolloutSpec) { change(p); more(p) }
	return &walker{world: newWorld(t, o), random: r}
}

// walk goes as it is drawn, and then lets the world come to its end.
func (w *walker) walk() {
	r := w.random
	if r.Intn(3) == 0 {
		w.judge(v1alpha1.VerdictPass, "no worse than stable")
	}
	w.guard = guard(w.world)
	w.image("checkout:2")
	for range 20 + r.Intn(60) {
		w.move()
		if w.ended {
			break
		}
	}
	w.faults, w.lag = noFaults, nil
	w.settle()
}

// anyPolicy draws what a Rollout says of the way back and of the old pods.
func anyPolicy(r *rand.Rand) func(*v1alpha1.RolloutSpec) {
	traffic := []string{"AtOnce", "BySteps"}[r.Intn(2)]
	then := []string{"Retire", "Hold", "Revert"}[r.Intn(3)]
	timeout := []string{"Retire", "Revert"}[r.Intn(2)]
	keep := time.Duration(r.Intn(2)) * 10 * time.Minute
	percent := []int32{100, 50}[r.Intn(2)]
	return func(p *v1alpha1.RolloutSpec) {
		p.Rollback = v1alpha1.RollbackSpec{Traffic: traffic, Then: then, OnHoldTimeout: &timeout}
		p.Strategy.KeepOldFor, p.ReadyPercent = long(keep), &percent
		for i := range p.Strategy.Steps {
			p.Strategy.Steps[i].Skippable = i%2 == 0
		}
	}
}

// move is one look of everybody, some time, and now and then a move of the user's or of fate.
func (w *walker) move() {
	w.remember()
	w.faults, w.lag = noFaults, nil
	switch w.random.Intn(12) {
	case 0:
		w.faults = faults{at: w.random.Intn(4), how: mishaps[w.random.Intn(len(mishaps))]}
	case 1:
		w.lag = map[string]reading{lagging[w.random.Intn(len(lagging))]: w.past[0]}
	}
	over := w.status.Outcome != "" // what users do from then on is the next Release's
	if w.random.Intn(6) == 0 && !over {
		w.deed()
	}
	if w.haste != nil && w.haste.Intn(15) == 0 && !over {
		w.hurry()
	}
	if w.moods != nil && w.moods.Intn(10) == 0 {
		w.proxies.behind, w.proxies.mute = w.moods.Intn(3) == 0, w.moods.Intn(6) == 0
	}
	switch w.random.Intn(4) {
	case 0:
		w.reconcile()
		w.model.Advance(time.Second)
	case 1:
		w.others()
		w.model.Advance(time.Second)
	default:
		w.tick()
	}
	if wake := w.last.Wake; wake > 0 && w.random.Intn(3) == 0 {
		w.model.Advance(min(wake, 90*time.Second))
	}
}

// remember keeps a few readings, of which a cache may give an older one.
func (w *walker) remember() {
	w.past = append(w.past, w.kept())
	if len(w.past) > 4 {
		w.past = w.past[1:]
	}
}

// deed is something that a user does, or fate.
func (w *walker) deed() {
	deeds := []func(){
		func() { w.image(fmt.Sprintf("checkout:%d", 2+w.random.Intn(2))) },
		func() { w.image(w.user.stable) },
		func() { w.scale(int32(1 + w.random.Intn(9))) },
		func() { w.scale(int32(1 + w.random.Intn(9))) },
		w.rolloutPause, w.rolloutResume, w.rolloutResume, w.pause, w.resume, w.resume,
		w.promote, w.abort, w.resetRoute,
		func() { w.approve("half") }, func() { w.approve("half") },
		func() { w.addHostname(fmt.Sprintf("h%d.example.com", w.random.Intn(3))) },
		w.unreadyCanary, w.healCanary, w.healCanary,
		func() { w.goTo(w.policy.Strategy.Steps[w.random.Intn(len(w.policy.Strategy.Steps))].Name) },
		func() {
			verdicts := []v1alpha1.Verdict{
				v1alpha1.VerdictPass, v1alpha1.VerdictPass, v1alpha1.VerdictInconclusive, v1alpha1.VerdictNoData, v1alpha1.VerdictFail,
			}
			if w.evidence != nil {
				w.judge(verdicts[w.random.Intn(len(verdicts))], "as drawn")
			}
		},
		func() {
			if w.random.Intn(4) == 0 {
				[]func(){w.deleteRollout, w.suspend}[w.random.Intn(2)]()
			}
		},
		func() {
			if w.random.Intn(4) == 0 {
				w.scale(0)
			}
		},
	}
	deeds[w.random.Intn(len(deeds))]()
}

// hurry is what people do of versions that wait.
func (w *walker) hurry() {
	switch w.haste.Intn(4) {
	case 0:
		w.emergency()
	default:
		steps := slices.Clone(w.steps())
		if n := len(steps) - w.haste.Intn(2); n > 0 {
			steps = steps[:n]
		}
		w.refresh(append(steps, weigh(fmt.Sprintf("more-%d", len(w.edited)), int32(w.haste.Intn(101)), nil))...)
	}
}

// settle has the user ask for nothing more, and lets the world come to its end.
func (w *walker) settle() {
	w.t.Helper()
	w.rolloutResume()
	w.resume()
	w.proxies.behind, w.proxies.mute = false, false
	w.healCanary()
	if w.evidence != nil {
		w.judge(v1alpha1.VerdictPass, "no worse than stable")
	}
	w.until("the end", func() bool {
		if w.last.Rule == planner.RuleHolding {
			w.approve(w.status.StepName)
		}
		return w.ended
	})
	w.asTheUserWroteIt()
	require.Empty(w.t, planner.Plan(w.input()).Writes, w.tale.String())
}
