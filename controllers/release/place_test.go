package release_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

// tick is how time passes in a small world: all that it waits for takes one or a few.
const tick = 5 * time.Second

// smallWorld is at most two pods, three steps and three revisions, a policy, and what users do in it.
type smallWorld struct {
	steps    []v1alpha1.Step
	replicas int
	change   func(*v1alpha1.RolloutSpec)
	// ingress: the route is an Ingress.
	ingress bool
	// tls: the gateway is to call the Service over TLS.
	tls bool
	// probed: the route has probes, and its proxies follow it when they look.
	probed bool
	// judged: there is evidence, which passes at first.
	judged bool
	// deeds are what users do in it, after what they do once a Release has ended, and fates what befalls pods and
	// evidence; mostDeeds and mostFaults are how often on one path. writes are the mishaps of writes; caches: caches
	// lag.
	deeds, fates, after   []move
	writes                []mishap
	caches                bool
	mostDeeds, mostFaults int
}

// begin is the world as the new template has come. A loud one tells its story.
func (s smallWorld) begin(t testing.TB, loud bool) place {
	w := newWorld(t, options{replicas: max(s.replicas, 1), ingress: s.ingress, tls: s.tls, steps: s.steps, deadline: 2 * tick, change: func(p *v1alpha1.RolloutSpec) {
		p.Timing = v1alpha1.Timing{Settle: long(tick), Drain: long(tick), CollapseAfter: long(tick)}
		if s.probed {
			plainAndInsider(p)
		}
		if s.change != nil {
			s.change(p)
		}
	}})
	w.proxies.behind = s.probed
	w.t, w.tale.quiet = witness{t}, !loud
	g := guard(w)
	if s.judged {
		w.judge(v1alpha1.VerdictPass, "as good as stable")
	}
	w.image("checkout:2")
	longest := max(tick, lengthOf(w.policy.Strategy.KeepOldFor), lengthOf(w.policy.Rollback.HoldFor))
	return place{world: w, guard: g, longest: longest}
}

func lengthOf(d *v1alpha1.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return d.Duration.Duration
}

// place is a state with what led there.
type place struct {
	*world
	guard         *guardian
	faults, deeds int
	// looked: Crossfade was the last to move, and sentLast is what it sent.
	looked   bool
	sentLast []string
	// longest is the longest of what waits for the age of what is in effect; minReady the user's minReadySeconds.
	longest, minReady time.Duration
}

// clone is an independent copy. Objects are never changed in place, so that they are shared.
func (p place) clone() place {
	w, g := *p.world, *p.guard
	w.model = p.model.Clone()
	w.store = &store{objects: maps.Clone(p.store.objects), version: p.store.version}
	w.slices, w.lag = maps.Clone(p.slices), maps.Clone(p.lag)
	w.user.objects = maps.Clone(p.user.objects)
	w.tale.lines = slices.Clip(p.tale.lines)
	g.w, g.weights, g.pins = &w, maps.Clone(p.guard.weights), maps.Clone(p.guard.pins)
	w.watch, w.judgeDecision = g.look, g.decided
	p.world, p.guard = &w, &g
	return p
}

// slim drops what nobody asks for again.
func (p place) slim() {
	p.last = planner.Decision{Rule: p.last.Rule}
	p.status.Decisions, p.status.Conditions = nil, nil
	if len(p.lag) == 0 {
		p.memory = p.memory.Slim()
	}
}

// changed are the kinds of which a move wrote an object.
func (p place) changed(before place) []string {
	var kinds []string
	note := func(kind string, differs bool) {
		if differs {
			kinds = append(kinds, kind)
		}
	}
	note(kindRelease, p.releaseVersion != before.releaseVersion && !p.releaseGone)
	note(kindDeployment, p.model.Deployment != before.model.Deployment)
	note(kindReplicaSet, !slices.Equal(p.model.ReplicaSets, before.model.ReplicaSets))
	note(kindPod, !slices.Equal(p.model.Pods, before.model.Pods))
	note(kindSlice, !maps.EqualFunc(p.slices, before.slices, sameReady))
	for _, kind := range []string{kindService, kindRoute, kindIngress} {
		note(kind, !maps.Equal(ofKind(p.store.objects, kind), ofKind(before.store.objects, kind)))
	}
	return kinds
}

func sameReady(a, b *discoveryv1.EndpointSlice) bool { return readyIn(a) == readyIn(b) }
