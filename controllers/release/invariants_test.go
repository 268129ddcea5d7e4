package release_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/gatewayapi"
	"crossfade.io/crossfade/workload/deployment"
)

// guardian watches a world and fails the test at the first instant at which an invariant is broken.
type guardian struct {
	w *world
	// floor is how many stable pods there must be: what the user wants, once it has been there.
	floor int
	// weights are the canary's by Service, as stored last; quietSince is since when the route, as
	// accepted, has sent it nothing.
	weights map[string]int32
	// hot is the last generation of the route that sent something to the canary.
	hot int64
	// inForce is the canary's weight in the route that was accepted last, in parts per million.
	inForce    int32
	quietSince time.Time
	// canary is how many canary pods were asked for last.
	canary int64
	// pins are the revisions that the Services were pinned to last.
	pins map[string]string
	// step is what was seen of the step that the Release is at.
	step sight
	// wanted is the workload's size; outage: it was changed, and stable has not had that size since.
	wanted int
	outage bool
	// robbed is how many stable pods fate had taken at the last look.
	robbed int
	// sawMatch and sawWhole: proxies have followed a route with a match, or one that sends everything to the canary.
	sawMatch, sawWhole bool
}

func guard(w *world) *guardian {
	g := &guardian{w: w, weights: map[string]int32{}, pins: map[string]string{}, floor: w.servingStable(), wanted: int(w.wantedReplicas())}
	w.watch, w.judgeDecision = g.look, g.decided
	return g
}

func (g *guardian) look(what string) {
	g.w.t.Helper()
	pods := g.w.livePods()
	if g.w.struck {
		g.w.struck = !g.canaryIsWhole(pods)
	}
	if live := g.w.store.objects[keyOf(kindService, "checkout")]; live == nil || trafficrouting.PinnedTo(live) != "" {
		g.w.unpinned = false
	}
	g.watchStep()
	g.stableStays(what)
	g.servicesServe(what, pods)
	g.canaryServes(what, pods)
	g.pinsMoveInSteps(what, pods)
	g.canaryIsContained(what, pods)
	g.weightFallsFirst(what)
	g.policiesOutlastRequests(what)
	g.weightRisesByRule(what)
}

func (g *guardian) require(holds bool, what, format string, args ...any) {
	g.w.t.Helper()
	if !holds {
		require.FailNowf(g.w.t, "broken invariant at "+what, format+"\n%s\n%s", append(args, g.w.tale.String(), g.w.pods())...)
	}
}

// livePod is what of a pod the invariants are about.
type livePod struct {
	owner  types.UID
	labels map[string]string
	// serves: it does, or would but for what fate did to it.
	serves bool
}

func (w *world) livePods() []livePod {
	labels := map[types.UID]map[string]string{}
	for _, rs := range w.model.ReplicaSets {
		labels[rs.GetUID()], _, _ = unstructured.NestedStringMap(rs.Object, "spec", "template", "metadata", "labels")
	}
	out := make([]livePod, 0, len(w.model.Pods))
	for _, pod := range w.model.Pods {
		out = append(out, livePod{pod.Owner, labels[pod.Owner], !pod.Terminating && (pod.Ready || pod.Stuck)})
	}
	return out
}

// servingStable counts the stable pods that serve.
func (w *world) servingStable() int {
	n := 0
	for _, rs := range w.model.ReplicaSets {
		if rs.GetUID() != w.status.Progress.Stable && (w.status.Progress.Stable != "" || imageOf(templateOf(rs)) != w.user.stable) {
			continue
		}
		for _, pod := range w.model.Pods {
			if pod.Owner == rs.GetUID() && !pod.Terminating && (pod.Ready || pod.Stuck) {
				n++
			}
		}
	}
	return n
}

// pastNoReturn are the stages in which the old pods go, or have gone, if no cause turned the Release.
var pastNoReturn = map[v1alpha1.Stage]bool{
	v1alpha1.StageRetiring: true, v1alpha1.StageReturning: true, v1alpha1.StageRestoring: true,
	v1alpha1.StageCleaning: true, v1alpha1.StageEnded: true,
}

// open are the stages in which the user's Services may select the canary's pods.
var open = map[v1alpha1.Stage]bool{
	v1alpha1.StageUnpinning: true, v1alpha1.StageRepinning: true, v1alpha1.StageDraining: true,
	v1alpha1.StageKeeping: true, v1alpha1.StageWidening: true,
}

// canaryIsContained: the user's Services select no canary pod that serves before the promotion.
func (g *guardian) canaryIsContained(what string, pods []livePod) {
	stage := g.w.status.Progress.Stage
	if stage == "" || g.w.unpinned || open[stage] || pastNoReturn[stage] || g.w.status.Progress.Cause != "" {
		return
	}
	for _, ref := range g.w.policy.ServiceRefs {
		live := g.w.store.objects[keyOf("Service", ref.Name)]
		for _, pod := range pods {
			stable := pod.owner == g.w.status.Progress.Stable
			if live != nil && !stable && selects(live, pod.labels) && pod.serves {
				g.require(false, what, "Service %s selects a pod that is not stable's", ref.Name)
			}
		}
	}
}

// stableStays: stable keeps all its pods until the point of no return.
func (g *guardian) stableStays(what string) {
	wanted := int(g.w.wantedReplicas())
	have := g.w.servingStable()
	if wanted != g.wanted {
		// Native scaling may round a revision down, to nothing even, until it is told.
		g.wanted, g.outage = wanted, true
	}
	if g.outage && wanted > 0 && have == wanted {
		whole := !g.hotNow() || slices.ContainsFunc(g.w.livePods(), func(p livePod) bool { return p.owner == g.w.status.Progress.Canary && p.serves })
		g.outage = !whole || !deployment.Kind{}.Observe(g.w.model.Objects()).Settled
	}
	g.floor, g.robbed = max(0, g.floor-(g.w.robbed-g.robbed)), g.w.robbed
	if have >= wanted {
		g.floor, g.w.robbed, g.robbed = wanted, 0, 0
	}
	native := g.w.model.Deployment != nil && g.w.letsGo() && g.w.model.Deployment.GetLabels()[v1alpha1.LabelRollout] == ""
	if native || g.w.status.Progress.Cause == "" && pastNoReturn[g.w.status.Progress.Stage] {
		g.floor, g.w.robbed, g.robbed = 0, 0, 0
		return
	}
	g.require(g.outage || have >= g.floor, what, "%d stable pods serve, at least %d must", have, g.floor)
}

func (w *world) wantedReplicas() int64 {
	if w.model.Deployment == nil {
		return 0
	}
	n, _, _ := unstructured.NestedInt64(w.model.Deployment.Object, "spec", "replicas")
	return n
}

// servicesServe: a Service of the user's selects a pod that serves whenever its own selector would,
// but for what fate did.
func (g *guardian) servicesServe(what string, pods []livePod) {
	for _, ref := range g.w.policy.ServiceRefs {
		live := g.w.store.objects[keyOf("Service", ref.Name)]
		if live == nil || g.outage || g.w.struck || g.w.robbed > 0 {
			continue
		}
		pinned, free := 0, 0
		own := trafficrouting.Unpin(live)
		for _, pod := range pods {
			if !pod.serves {
				continue
			}
			if selects(own, pod.labels) {
				free++
			}
			if selects(live, pod.labels) {
				pinned++
			}
		}
		g.require(free == 0 || pinned > 0, what, "Service %s selects no pod that serves, of %d", ref.Name, free)
	}
}

// canaryServes: where a route sends requests to a canary Service, that exists and has a pod that serves,
// but for what fate did.
func (g *guardian) canaryServes(what string, pods []livePod) {
	route := g.w.store.objects[keyOf("HTTPRoute", "checkout")]
	for _, ref := range g.w.policy.ServiceRefs {
		canary := g.w.store.objects[keyOf("Service", trafficrouting.CanaryOf(ref.Name))]
		named := gatewayapi.HTTPRoute().Names(trafficrouting.Objects{Route: route}, trafficrouting.CanaryOf(ref.Name))
		gone := g.w.user.objects[keyOf("Service", ref.Name)] == nil // its owner is, and so it goes too
		g.require(canary != nil || !named || gone, what, "the route names Service %s-canary, which is not there", ref.Name)
		ppm, matches := canaryWeight(route, ref.Name)
		if ppm == 0 && !matches || g.outage || g.w.struck || gone {
			continue
		}
		g.require(canary != nil, what, "the route sends requests to Service %s-canary, which is not there", ref.Name)
		n := 0
		for _, pod := range pods {
			if pod.serves && selects(canary, pod.labels) {
				n++
			}
		}
		g.require(n > 0, what, "the route sends requests to Service %s-canary, which selects no pod that serves", ref.Name)
	}
}

// canaryIsWhole: as many canary pods serve as are asked for.
func (g *guardian) canaryIsWhole(pods []livePod) bool {
	n := int64(0)
	for _, pod := range pods {
		if pod.serves && pod.owner == g.w.status.Progress.Canary {
			n++
		}
	}
	return n >= g.canaryReplicas()
}

// policiesOutlastRequests: by no write of ours a gateway sends requests to a canary Service of which is not said what the user
// says of the Service.
func (g *guardian) policiesOutlastRequests(what string) {
	sent := g.hotNow() || g.hot > 0 && (g.quietSince.IsZero() || g.w.now().Sub(g.quietSince) < time.Second)
	forward := strings.HasPrefix(what, "patch "+kindRoute) && g.w.status.Progress.Cause == ""
	ours := strings.HasPrefix(what, "delete "+kindPolicy) || forward
	if g.w.user.objects[keyOf(kindPolicy, "checkout")] == nil || !sent || !ours {
		return
	}
	g.require(g.w.store.objects[keyOf(kindPolicy, "checkout-canary-checkout")] != nil, what, "requests go to the canary Service, which the gateway calls in the clear")
}

func (g *guardian) canaryReplicas() int64 {
	for _, rs := range g.w.model.ReplicaSets {
		if rs.GetUID() == g.w.status.Progress.Canary && g.w.status.Progress.Canary != types.UID("") {
			n, _, _ := unstructured.NestedInt64(rs.Object, "spec", "replicas")
			return n
		}
	}
	return 0
}

// pinsMoveInSteps: a Service that is pinned to one revision selects both before it is pinned to the other, unless
// nothing of the one serves: those who route by its endpoints learn of the new ones before they forget the old.
func (g *guardian) pinsMoveInSteps(what string, pods []livePod) {
	for _, ref := range g.w.policy.ServiceRefs {
		live := g.w.store.objects[keyOf("Service", ref.Name)]
		if live == nil {
			continue
		}
		before, now := g.pins[ref.Name], trafficrouting.PinnedTo(live)
		g.pins[ref.Name] = now
		if before == "" || now == "" || before == now {
			continue
		}
		serving := slices.ContainsFunc(pods, func(p livePod) bool { return p.serves && p.labels[v1alpha1.LabelTemplateHash] == before })
		bare := g.w.status.Progress.Cause == v1alpha1.CauseCollapsed
		g.require(!serving || bare, what, "Service %s is pinned to %s at once after %s", ref.Name, now, before)
	}
}

// pods tells what runs, for messages.
func (w *world) pods() string {
	var text strings.Builder
	for _, rs := range w.model.ReplicaSets {
		n, _, _ := unstructured.NestedInt64(rs.Object, "spec", "replicas")
		fmt.Fprintf(&text, "%s of %s: %d wanted:", rs.GetName(), imageOf(templateOf(rs)), n)
		for _, pod := range w.model.Pods {
			if pod.Owner == rs.GetUID() {
				fmt.Fprintf(&text, " %s(ready %t, stuck %t, going %t)", pod.Name, pod.Ready, pod.Stuck, pod.Terminating)
			}
		}
		text.WriteString("\n")
	}
	return text.String()
}
