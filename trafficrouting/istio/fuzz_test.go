package istio_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/istio"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

// FuzzRenderStrip lets two owners do what they like to any VirtualService and DestinationRules, and proves after every turn
// that what is there depends on the present splits alone, that requests go where these say, and that the API server would
// take it; in the end that the user's are left as they were.
func FuzzRenderStrip(f *testing.F) {
	for _, seed := range []string{"", "the quick brown fox jumps over the lazy dog", "\x03\x01\x02\x05\x04\x05\x06\x07\x00\x01\x02\x03\x04\x05\x06\x07"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { turns(t, data) })
}

// rounds is how many made-up VirtualServices every run of the tests plays; the fuzzer plays more.
var rounds = flag.Int("rounds", 60, "made-up VirtualServices to play")

// TestMadeUpVirtualServices plays long games with dice of a fixed seed.
func TestMadeUpVirtualServices(t *testing.T) {
	split := 0
	for round := range *rounds {
		data := make([]byte, 300)
		rng := rand.New(rand.NewPCG(uint64(round), 1))
		for i := range data {
			data[i] = byte(rng.IntN(256))
		}
		t.Run(fmt.Sprintf("round %d", round), func(t *testing.T) { split += turns(t, data) })
	}
	require.Greater(t, split, *rounds/2, "many turns must be ones that can be taken")
}

// turns returns how many of the turns could be taken.
func turns(t *testing.T, data []byte) (taken int) {
	d := dice{data}
	p, user := istio.New(), d.user()
	live, now := user, map[trafficrouting.Owner]trafficrouting.Split{}
	owners := map[string]trafficrouting.Owner{providertest.Checkout: providertest.CheckoutOwner, providertest.Cart: providertest.CartOwner}
	strip := func(owner trafficrouting.Owner) {
		live = providertest.Ended(t, p, live, owner)
		delete(now, owner)
	}
	for range 6 {
		service := providertest.Choose(&d, providertest.Checkout, providertest.Cart)
		owner, split := owners[service], d.split(service)
		if d.Roll(4) == 3 {
			strip(owner)
		} else if p.Check(user, owner, []trafficrouting.Split{split}) == "" {
			taken++
			out, err := p.Render(live, owner, []trafficrouting.Split{split})
			if err != nil {
				continue // together with the other's it would ask too much of a match
			}
			live, now[owner] = out, split
		}
		var splits []trafficrouting.Split
		fresh := user
		for of, s := range now {
			out, err := p.Render(fresh, of, []trafficrouting.Split{s})
			require.NoError(t, err)
			fresh, splits = out, append(splits, s)
		}
		providertest.SameObjects(t, fresh, live, "the order shows")
		for _, obj := range append(live.Beside, live.Route) {
			require.NoError(t, servers()[obj.GetKind()].Refuses(obj))
		}
		for _, r := range requests() {
			want := providertest.Expected(proxy{user}.serve(r), r, splits...)
			require.Equal(t, want, providertest.Visible(proxy{live}.serve(r)), "request %+v, splits %+v", r, splits)
		}
	}
	for _, owner := range owners {
		strip(owner)
	}
	providertest.SameObjects(t, user, live)
	return taken
}

type dice struct{ providertest.Dice }

// user makes up a user's VirtualService and DestinationRules beside it.
func (d *dice) user() trafficrouting.Objects {
	rules := make([]any, 1+d.Roll(4))
	for i := range rules {
		rules[i] = d.rule()
	}
	out := trafficrouting.Objects{Route: providertest.Parse(head)}
	out.Route.Object["spec"].(object)["http"] = rules
	for i := range d.Roll(3) {
		rule := providertest.Parse(policy)
		rule.SetName(fmt.Sprintf("rule-%d", i))
		spec := rule.Object["spec"].(object)
		spec["host"] = providertest.Choose(d, "checkout", "cart.shop.svc.cluster.local", "cart", "*.shop.svc.cluster.local")
		out.Beside = append(out.Beside, rule)
	}
	return out
}

func (d *dice) rule() object {
	rule := object{}
	if d.Roll(6) == 5 {
		rule["redirect"] = object{"uri": "/"}
	} else {
		// Istio takes no several destinations whose weights are all 0.
		route := []any{d.destination()}
		for range d.Roll(3) {
			route = append(route, d.destination())
		}
		if len(route) > 1 {
			route[0].(object)["weight"] = providertest.Choose[int64](d, 1, 7, 100)
		}
		rule["route"] = route
	}
	if d.Roll(3) > 0 {
		matches := []any{}
		for range 1 + d.Roll(2) {
			matches = append(matches, d.match())
		}
		rule["match"] = matches
	}
	if d.Roll(4) == 3 {
		rule["timeout"] = "5s"
	}
	return rule
}

func (d *dice) destination() object {
	to := object{"host": providertest.Choose(d, "checkout", "cart", "checkout.shop.svc.cluster.local", "legacy", "cart.far.svc.cluster.local")}
	if d.Roll(4) == 3 {
		to["subset"] = providertest.Choose(d, "eu", "us")
	}
	out := object{"destination": to}
	if d.Roll(2) == 1 {
		out["weight"] = providertest.Choose[int64](d, 0, 1, 30, 99)
	}
	return out
}

func (d *dice) match() object {
	match := object{}
	text := func(values ...string) object {
		return object{providertest.Choose(d, "exact", "prefix", "regex"): providertest.Choose(d, values...)}
	}
	if d.Roll(2) == 1 {
		match["uri"] = text("/", "/api", "/cart")
	}
	if d.Roll(4) == 3 {
		match["method"] = text("GET", "POST")
	}
	if d.Roll(3) == 2 {
		match["headers"] = object{providertest.Choose(d, "x-canary", "x-tenant", "cookie"): providertest.Choose(d, object{}, text("yes", "a", "group=insider"))}
	}
	if d.Roll(5) == 4 {
		match["withoutHeaders"] = object{"x-beta": object{}}
	}
	if d.Roll(5) == 4 {
		match["queryParams"] = object{"v": text("2", "23")}
	}
	return match
}

func (d *dice) split(service string) trafficrouting.Split {
	step := v1alpha1.Step{Weight: ptr.To(providertest.Choose(d, intstr.FromInt32(10), intstr.FromInt32(0), intstr.FromInt32(100), intstr.FromString("0.5%"), intstr.FromInt32(33)))}
	value := func(name string, exact bool, text string) v1alpha1.ValueMatch {
		if exact {
			return v1alpha1.ValueMatch{Name: name, Exact: &text}
		}
		return v1alpha1.ValueMatch{Name: name, Regex: &text}
	}
	for range d.Roll(3) {
		step.Match = append(step.Match, providertest.Choose(d,
			v1alpha1.Match{Headers: []v1alpha1.ValueMatch{value("X-Canary", true, "yes")}},
			v1alpha1.Match{Headers: []v1alpha1.ValueMatch{value("x-tenant", false, "a+")}},
			v1alpha1.Match{Cookies: []v1alpha1.ValueMatch{value("group", true, "insider")}},
			v1alpha1.Match{QueryParams: []v1alpha1.ValueMatch{value("v", false, "2|3")}},
			v1alpha1.Match{Method: ptr.To("POST")},
		))
	}
	strategy := v1alpha1.Strategy{}
	switch d.Roll(6) {
	case 1:
		step.RequestHeaders = &v1alpha1.HeaderModifier{Set: []v1alpha1.Header{{Name: "X-Lane", Value: "next"}}, Remove: []string{"x"}}
	case 2:
		step.Mirror = &v1alpha1.Mirror{Percent: ptr.To(int32(5)), Requests: providertest.Choose(d, v1alpha1.MirrorSafe, v1alpha1.MirrorAll)}
	case 3:
		strategy.Stickiness = &v1alpha1.Stickiness{Cookie: "lane", Stable: d.Roll(2) == 1}
	}
	return trafficrouting.ForStep(service, strategy, step, "checkout-7")
}
