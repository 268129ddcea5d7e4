package release_test

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
	"crossfade.io/crossfade/intent"
	"crossfade.io/crossfade/trafficrouting"
)

// weightFallsFirst: on the way back the canary loses no pod before its requests have gone and ended.
func (g *guardian) weightFallsFirst(what string) {
	route := g.w.store.objects[keyOf("HTTPRoute", "checkout")]
	if g.hotNow() {
		g.hot = route.GetGeneration()
	}
	idle := route == nil || acceptedAt(route) > g.hot
	if !idle {
		g.quietSince = time.Time{}
	} else if g.quietSince.IsZero() {
		g.quietSince = g.w.now()
	}
	replicas := g.canaryReplicas()
	defer func() { g.canary = replicas }()
	g.watchProxies(what, replicas)
	g.weightFallsBeforePods(what, route, replicas)
	if g.w.status.Progress.Cause == "" || replicas >= g.canary || g.outage || route == nil {
		return
	}
	drained := idle && g.w.now().Sub(g.quietSince) >= g.w.policy.Timing.Drain.Duration.Duration
	g.require(drained || replicas > 0, what, "the canary goes from %d pods to %d, its requests have been away since %s (now %s)",
		g.canary, replicas, g.quietSince, g.w.now())
}

// weightFallsBeforePods: while a Release goes forward, the canary keeps the pods that carry the share that the
// route gives it, as accepted and as stored.
func (g *guardian) weightFallsBeforePods(what string, route *unstructured.Unstructured, replicas int64) {
	if route == nil {
		return
	}
	ppm, _ := canaryWeight(route, g.w.policy.ServiceRefs[0].Name)
	if acceptedAt(route) == route.GetGeneration() {
		g.inForce = ppm
	}
	forward := g.w.status.Progress.Cause == "" && !pastNoReturn[g.w.status.Progress.Stage] && strings.HasPrefix(what, "scale")
	if !forward || g.outage || replicas >= g.canary {
		return
	}
	carriers := g.carriers(max(ppm, g.inForce))
	g.require(replicas >= carriers, what, "the canary goes from %d pods to %d, its share needs %d", g.canary, replicas, carriers)
}

// hotNow: the stored route sends something to a canary Service.
func (g *guardian) hotNow() bool {
	route := g.w.store.objects[keyOf("HTTPRoute", "checkout")]
	for _, ref := range g.w.policy.ServiceRefs {
		if ppm, matches := canaryWeight(route, ref.Name); ppm > 0 || matches {
			return true
		}
	}
	return false
}

// weightRisesByRule: only a step, or the promotion, gives the canary more; and on the way back nothing.
func (g *guardian) weightRisesByRule(what string) {
	route := g.w.store.objects[keyOf("HTTPRoute", "checkout")]
	for _, ref := range g.w.policy.ServiceRefs {
		ppm, _ := canaryWeight(route, ref.Name)
		before := g.weights[ref.Name]
		g.weights[ref.Name] = ppm
		if ppm <= before {
			g.sharesMoveInSteps(what, ref.Name, before, ppm)
			continue
		}
		// In Provisioning a foreign edit of the last step's split is put right.
		forward := []planner.Rule{planner.RuleProvisioning, planner.RuleShifting, planner.RulePromoting, planner.RuleDraining, planner.RuleRestoring}
		// While the old pods are kept too, and where the Services select both.
		put := g.w.status.Progress.Stage == v1alpha1.StageWidening || g.w.status.Progress.Stage == v1alpha1.StageKeeping
		g.require(put || slices.Contains(forward, g.w.last.Rule), what,
			"the weight of %s rises from %d to %d by rule %s", ref.Name, before, ppm, g.w.last.Rule)
		g.withinStep(what, ref.Name, ppm)
		g.carries(what, ref.Name, ppm)
	}
}

// withinStep: a step gives the canary what it says, or what the one before said, where that is put right.
func (g *guardian) withinStep(what, service string, ppm int32) {
	entered := g.w.status.Steps
	if g.w.status.Progress.Stage != v1alpha1.StageStepping || !strings.HasPrefix(what, "patch") && !strings.HasPrefix(what, "create Ingress") {
		return
	}
	most := int32(0)
	for _, s := range g.w.steps() {
		if slices.ContainsFunc(entered[max(0, len(entered)-2):], func(e v1alpha1.StepStatus) bool { return e.Name == s.Name }) {
			weight, _ := trafficrouting.PPM(s.Weight)
			most = max(most, weight)
		}
	}
	g.require(ppm <= most, what, "the weight of %s rises to %d, the step gives it %d", service, ppm, most)
}

// sharesMoveInSteps: what goes to the canary alone is shared with the user's Service before it goes to that alone, which
// by then has other endpoints than its proxies have known it by.
func (g *guardian) sharesMoveInSteps(what, service string, before, ppm int32) {
	progress := g.w.status.Progress
	early := progress.Stage == v1alpha1.StageRetiring || progress.Stage == v1alpha1.StageReturning
	ours := what == string(intent.Patch)+" HTTPRoute checkout" || strings.Contains(what, " Ingress ")
	g.require(!ours || !early || progress.Cause != "" || before < trafficrouting.Whole || ppm > 0, what,
		"Service %s gets everything at once in stage %s", service, progress.Stage)
}

// carries: a weight that rises finds as many endpoints as carry that share of stable's requests.
func (g *guardian) carries(what, service string, ppm int32) {
	canary := g.w.store.objects[keyOf("Service", trafficrouting.CanaryOf(service))]
	stage := g.w.status.Progress.Stage
	if g.outage || len(g.w.lag) > 0 || canary == nil || pastNoReturn[stage] || stage == v1alpha1.StageWidening || !strings.HasPrefix(what, "patch") && !strings.HasPrefix(what, "create Ingress") {
		return
	}
	percent := int64(100)
	if own := g.w.policy.ReadyPercent; own != nil {
		percent = int64(*own)
	}
	carriers := g.carriers(ppm)
	needed, serving := (carriers*percent+99)/100, int64(g.w.ready(trafficrouting.CanaryOf(service)))
	g.require(serving >= needed, what, "the weight of %s rises to %d with %d endpoints, it needs %d", service, ppm, serving, needed)
}

// carriers are the pods that a share of stable's requests needs. Users who stay where they were once may be all.
func (g *guardian) carriers(ppm int32) int64 {
	if s := g.w.policy.Strategy.Stickiness; s != nil && !s.Stable && ppm > 0 {
		return g.w.wantedReplicas()
	}
	return (g.w.wantedReplicas()*int64(ppm) + int64(trafficrouting.Whole) - 1) / int64(trafficrouting.Whole)
}
