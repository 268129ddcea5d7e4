package release_test

import (
	"net/url"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/intent"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/probes"
)

// proxies are what of the data plane probes meet. Slices are replaced, never changed in place.
type proxies struct {
	// follow is the route that they follow; nil before the first.
	follow *unstructured.Unstructured
	// behind: they take no notice of routes by themselves; mute: they give no answers.
	behind, mute bool
	// asked are the questions that were asked last, answers those that have come.
	asked []probes.Question
	// askedOf is the state that was asked about, askedAt the generation of its route.
	askedOf string
	askedAt int64
	answers []probes.Answer
}

// takeRoute has the proxies follow the route that is stored and accepted, and says whether that is another one.
func (w *world) takeRoute() bool {
	route := w.store.objects[keyOf(kindRoute, "checkout")]
	if len(w.policy.RouteRefs[0].Probes) == 0 || route == nil || acceptedAt(route) != route.GetGeneration() {
		return false
	}
	before := w.proxies.follow
	w.proxies.follow = route
	return before == nil || !equality.Semantic.DeepEqual(before.Object["spec"], route.Object["spec"])
}

// answerProbes gives the answers to what was asked last, and says whether they are news.
func (w *world) answerProbes() bool {
	answers := slices.Clone(w.proxies.answers)
	for _, q := range w.proxies.asked {
		answer := w.proxies.answer(w.t, q)
		at := slices.IndexFunc(answers, func(a probes.Answer) bool { return a.Probe == q.Probe })
		if at < 0 {
			at, answers = len(answers), append(answers, answer)
		}
		answers[at] = answer
	}
	moved := !slices.Equal(answers, w.proxies.answers)
	w.proxies.answers = answers
	return moved
}

// answer is by whom a request is answered that has the header of matching steps, or has not.
func (p proxies) answer(t require.TestingT, q probes.Question) probes.Answer {
	for _, arm := range []probes.Arm{q.Stable, q.Canary} {
		_, err := url.Parse(arm.Service)
		require.NoError(t, err)
	}
	if p.mute || p.follow == nil {
		return probes.Answer{Key: q.Key, Problem: "no answer within 2s"}
	}
	ppm, matches := canaryWeight(p.follow, "checkout")
	if matches && len(q.Request.Headers) > 0 {
		ppm = trafficrouting.Whole
	}
	said := probes.Said{Stable: "v1", Canary: "v2"}
	if ppm < trafficrouting.Whole {
		said.Gateway = append(said.Gateway, said.Stable)
	}
	if ppm > 0 {
		said.Gateway = append(said.Gateway, said.Canary)
	}
	return q.Judge(said)
}

// prober is the product's Prober in a world, in which answers take until the others have looked.
type prober struct{ world *world }

func (p prober) Answers(types.NamespacedName) []probes.Answer { return p.world.proxies.answers }

func (p prober) Ask(_ types.NamespacedName, questions []probes.Question, _ func()) {
	p.world.proxies.asked, p.world.proxies.askedOf = questions, questions[0].State
	if route := p.world.store.objects[keyOf(kindRoute, "checkout")]; route != nil {
		p.world.proxies.askedAt = route.GetGeneration()
	}
}

func (p prober) Forget(types.NamespacedName) {}

// plainAndInsider gives the route probes.
func plainAndInsider(p *v1alpha1.RolloutSpec) { p.RouteRefs[0].Probes = twoProbes() }

// twoProbes are one that no match meets and one that matching steps do.
func twoProbes() []v1alpha1.Probe {
	probe := v1alpha1.Probe{Name: "plain", URL: "http://gateway.edge.svc/version", IdentifiedBy: v1alpha1.ProbeIdentity{Header: "X-Version"}}
	insider := probe
	insider.Name, insider.Headers = "insider", []v1alpha1.ProbeHeader{{Name: "X-Canary", Value: "yes"}}
	return []v1alpha1.Probe{probe, insider}
}

// matched: a step with a match is, or has been, in effect.
func (w *world) matched() bool {
	return slices.ContainsFunc(w.status.Steps, func(s v1alpha1.StepStatus) bool {
		return s.StartedAt != nil && slices.ContainsFunc(w.steps(), func(step v1alpha1.Step) bool { return step.Name == s.Name && len(step.Match) > 0 })
	})
}

// watchProxies: where probes must see it, the proxies follow a split before it counts as in effect or the old pods go; and
// on the way back they have left the canary before its pods go, unless they give no answers.
func (g *guardian) watchProxies(what string, replicas int64) {
	if len(g.w.policy.RouteRefs[0].Probes) == 0 {
		return
	}
	ppm, matches := int32(0), false
	if follow := g.w.proxies.follow; follow != nil {
		ppm, matches = canaryWeight(follow, "checkout")
	}
	g.sawMatch, g.sawWhole = g.sawMatch || matches, g.sawWhole || ppm == trafficrouting.Whole
	progress := g.w.status.Progress
	if progress.Cause == "" {
		g.require(g.sawMatch || !g.w.matched(), what, "a step with a match counts as in effect, and no proxy has ever followed one")
		g.require(g.sawWhole || !pastNoReturn[progress.Stage], what, "the old pods go, and no proxy sends everything to the canary")
		return
	}
	ours := strings.HasPrefix(what, string(intent.Scale)) && !g.outage
	gone := ours && g.canary > 0 && replicas == 0 && !g.w.proxies.mute && g.w.store.objects[keyOf(kindRoute, "checkout")] != nil
	g.require(!gone || ppm == 0 && !matches, what, "the canary's pods go, and proxies still send to it")
}
