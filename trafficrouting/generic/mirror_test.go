package generic_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/generic"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

// mirroring is a step that gives the canary copies of a part of these requests.
func mirroring(percent int32, requests string) []trafficrouting.Split {
	return []trafficrouting.Split{providertest.ForStep(providertest.Checkout, v1alpha1.Step{Mirror: &v1alpha1.Mirror{Percent: &percent, Requests: requests}})}
}

// sticky is a backend as people write one: all of it is called as before.
const sticky = `
  - {match: PathPrefix("/"), middlewares: [{name: auth}], services: [{name: checkout, kind: Service, port: 80, sticky: {cookie: {name: lb}}}]}`

// TestMirrorThroughAnObject: what a step with a mirror makes of an IngressRoute.
func TestMirrorThroughAnObject(t *testing.T) {
	p := shipped(t, "ingressroute.traefik.io")
	user := trafficrouting.Objects{Route: stored(ingressRouteHead + sticky)}
	live := render(t, p, user, mirroring(20, v1alpha1.MirrorSafe))
	require.Len(t, live.Beside, 1)
	name := live.Beside[0].GetName()
	require.Regexp(t, "^checkout-canary-mirror-[0-9a-f]{10}$", name)
	cookie := object{"cookie": object{"name": "lb"}}
	copied := func(method string) object {
		return object{
			"match": `(PathPrefix("/")) && Method("` + method + `")`, "priority": int64(16), "middlewares": []any{object{"name": "auth"}},
			"services": []any{object{"name": name, "kind": "TraefikService", "port": int64(80), "sticky": cookie}},
		}
	}
	require.Equal(t, []any{copied("GET"), copied("HEAD"), rulesOf(user.Route, "routes")[0]}, rulesOf(live.Route, "routes"))
	require.Equal(t, object{
		"apiVersion": "traefik.io/v1alpha1", "kind": "TraefikService",
		"metadata": object{"name": name, "namespace": "shop", "labels": object{v1alpha1.LabelRollout: "checkout"}},
		"spec": object{"mirroring": object{
			"name": "checkout", "port": int64(80), "sticky": cookie,
			"mirrors": []any{object{"name": "checkout-canary", "port": int64(80), "percent": int64(20), "sticky": cookie}},
		}},
	}, live.Beside[0].Object)

	all := render(t, p, live, mirroring(20, v1alpha1.MirrorAll))
	require.Equal(t, live.Beside, all.Beside, "which requests are copied is the route's")
	more := render(t, p, live, mirroring(50, v1alpha1.MirrorAll))
	require.Len(t, more.Beside, 2, "what says something else is another object, and the route may still be followed as it was")
	providertest.SameJSON(t, live.Beside[0], more.Beside[0])
	back := render(t, p, more, []trafficrouting.Split{trafficrouting.AllStable(providertest.Checkout)})
	providertest.SameJSON(t, user.Route, back.Route)
	require.Equal(t, more.Beside, back.Beside, "a data plane may have yet to follow")
	require.Len(t, p.Leftovers(back, providertest.CheckoutOwner), 2)
	require.Empty(t, p.Leftovers(back, providertest.CartOwner))
	providertest.SameObjects(t, user, providertest.Ended(t, p, back, providertest.CheckoutOwner))
}

// TestMirrorObjectsOfOthers: one that was made for the Rollout is known without its label, and one that was not is left alone.
func TestMirrorObjectsOfOthers(t *testing.T) {
	p, splits := shipped(t, "ingressroute.traefik.io"), mirroring(20, v1alpha1.MirrorAll)
	user := trafficrouting.Objects{Route: stored(userIngressRoutes["one rule"])}
	live := render(t, p, user, splits)
	made := live.Beside[0]

	edited := made.DeepCopy()
	edited.SetLabels(nil)
	edited.SetOwnerReferences(trafficrouting.OwnedBy(providertest.Parse("{apiVersion: v1, kind: Service, metadata: {name: checkout, uid: x}}")))
	edited.Object["spec"] = object{"mirroring": object{"name": "elsewhere"}}
	again := render(t, p, trafficrouting.Objects{Route: live.Route, Beside: append(live.Beside[:0:0], edited)}, splits)
	require.Equal(t, made.Object["spec"], again.Beside[0].Object["spec"], "what somebody made of it goes")
	require.Equal(t, made.GetLabels(), again.Beside[0].GetLabels())

	edited.SetOwnerReferences(nil)
	taken := trafficrouting.Objects{Route: user.Route, Beside: append(live.Beside[:0:0], edited)}
	require.Equal(t, "split IngressRoute shop/shop: TraefikService "+made.GetName()+" exists and is not this Rollout's; rename or delete it",
		p.Check(taken, providertest.CheckoutOwner, splits))
	require.Empty(t, p.Leftovers(taken, providertest.CheckoutOwner))
}

// TestMirrorOfARuleThatIsEdited: what a rule of another owner's names by now is made by that owner, who knows it as its own.
func TestMirrorOfARuleThatIsEdited(t *testing.T) {
	p := shipped(t, "ingressroute.traefik.io")
	live := render(t, p, trafficrouting.Objects{Route: stored(userIngressRoutes["two Services, two rules"])}, mirroring(20, v1alpha1.MirrorAll))
	for _, rule := range rulesOf(live.Route, "routes") {
		if service := rule.(object)["services"].([]any)[0].(object); service["name"] == providertest.Checkout {
			service["port"] = int64(8080)
		}
	}
	half := providertest.ForStep(providertest.Cart, v1alpha1.Step{Weight: ptr.To(intstr.FromInt32(50))})
	out, err := p.Render(live, providertest.CartOwner, []trafficrouting.Split{half})
	require.NoError(t, err)
	require.Equal(t, live.Beside, out.Beside)
	require.True(t, p.Observe(out, providertest.CheckoutOwner, mirroring(20, v1alpha1.MirrorAll)).Drifted)
	again := render(t, p, out, mirroring(20, v1alpha1.MirrorAll))
	providertest.SameJSON(t, out.Route, again.Route)
	require.Len(t, p.Leftovers(again, providertest.CheckoutOwner), 2)
	require.Contains(t, fmt.Sprint(again.Route.Object["spec"]), again.Beside[1].GetName())
	require.Equal(t, again, render(t, p, again, mirroring(20, v1alpha1.MirrorAll)))
}

// TestMirrorOfAnotherOwner: the objects of others are theirs alone, and whatever somebody made of one bars nobody else's way.
func TestMirrorOfAnotherOwner(t *testing.T) {
	p := shipped(t, "ingressroute.traefik.io")
	live := render(t, p, trafficrouting.Objects{Route: stored(userIngressRoutes["two Services, two rules"])}, mirroring(20, v1alpha1.MirrorAll))
	taken := live.Beside[0].DeepCopy()
	taken.SetLabels(map[string]string{v1alpha1.LabelRollout: "somebody"})
	taken.Object["spec"] = object{"mirroring": object{"name": "elsewhere"}}
	foreign := trafficrouting.Objects{Route: live.Route, Beside: append(live.Beside[:0:0], taken)}
	for name, splits := range map[string][]trafficrouting.Split{
		"half":       {trafficrouting.Between(providertest.Cart, 500_000)},
		"all stable": {trafficrouting.AllStable(providertest.Cart)},
		"none":       nil,
	} {
		out, err := p.Render(foreign, providertest.CartOwner, splits)
		require.NoError(t, err, name)
		require.Equal(t, foreign.Beside, out.Beside, name)
	}
	_, err := p.Render(foreign, providertest.CheckoutOwner, mirroring(20, v1alpha1.MirrorAll))
	require.Error(t, err, "the owner whose rule sends there is told")
	for _, splits := range [][]trafficrouting.Split{{trafficrouting.AllStable(providertest.Checkout)}, nil} {
		render(t, p, foreign, splits)
	}
	out, err := p.Render(trafficrouting.Objects{Beside: live.Beside}, providertest.CheckoutOwner, nil)
	require.NoError(t, err, "the route is gone")
	require.Equal(t, live.Beside, out.Beside)
}

// TestMirrorThatIsNotDescribed: another owner's part is more than the description can that this owner's Release began with.
func TestMirrorThatIsNotDescribed(t *testing.T) {
	for kind, route := range map[string]string{
		"ingressroute.traefik.io": userIngressRoutes["two Services, two rules"],
		"httpproxy.projectcontour.io": httpProxyHead + `
  - {conditions: [{prefix: /cart}], services: [{name: cart, port: 80}]}
  - services: [{name: checkout, port: 80}]`,
	} {
		for how, change := range map[string]func(*v1alpha1.RouteKindSpec){
			"nothing of mirrors": func(spec *v1alpha1.RouteKindSpec) { spec.Mirror = nil },
			"neither way":        func(spec *v1alpha1.RouteKindSpec) { spec.Mirror.FlagField, spec.Mirror.Object = "", nil },
		} {
			p, former := shipped(t, kind), shippedBut(t, kind, change)
			user := trafficrouting.Objects{Route: stored(route)}
			half := []trafficrouting.Split{trafficrouting.Between(providertest.Cart, 500_000)}
			mirrored := render(t, p, user, mirroring(20, v1alpha1.MirrorAll))
			both, err := p.Render(mirrored, providertest.CartOwner, half)
			require.NoError(t, err)

			_, err = former.Render(both, providertest.CartOwner, half)
			require.ErrorContains(t, err, "does not say how requests are mirrored to Service checkout-canary", "%s, %s", kind, how)
			written := both.Route.DeepCopy()
			written.SetLabels(map[string]string{"by": "hand"})
			_, err = former.Guard(both, trafficrouting.Objects{Route: written})
			require.ErrorContains(t, err, "does not say how requests are mirrored to Service checkout-canary", "%s, %s", kind, how)

			for _, splits := range [][]trafficrouting.Split{{trafficrouting.AllStable(providertest.Cart)}, nil} {
				back, err := former.Render(both, providertest.CartOwner, splits)
				require.NoError(t, err, "%s, %s: the way back is always open", kind, how)
				require.Zero(t, former.Observe(back, providertest.CartOwner, splits).CanaryPPM)
				providertest.SameObjects(t, mirrored, providertest.Ended(t, p, render(t, p, back, mirroring(20, v1alpha1.MirrorAll)), providertest.CartOwner), "%s, %s: the other's next rendering", kind, how)
			}
		}
	}
}

// TestMirrorInPlace: what a step with a mirror makes of an HTTPProxy, which can have no second rule for the same requests.
func TestMirrorInPlace(t *testing.T) {
	p, splits := shipped(t, "httpproxy.projectcontour.io"), mirroring(20, v1alpha1.MirrorAll)
	user := trafficrouting.Objects{Route: stored(userHTTPProxies["one rule"])}
	live := render(t, p, user, splits)
	require.Equal(t, []any{object{"services": []any{
		object{"name": "checkout", "port": int64(80)}, object{"name": "checkout-canary", "port": int64(80), "mirror": true, "weight": int64(20)},
	}}}, rulesOf(live.Route, "routes"))
	require.Empty(t, live.Beside)
	require.Zero(t, p.Observe(live, providertest.CheckoutOwner, splits).CanaryPPM, "copies are no share")

	unmarked := trafficrouting.Objects{Route: live.Route.DeepCopy()}
	unmarked.Route.SetAnnotations(nil)
	for name, next := range map[string][]trafficrouting.Split{"again": splits, "half": {trafficrouting.Between(providertest.Checkout, 500_000)}} {
		providertest.SameObjects(t, render(t, p, user, next), render(t, p, unmarked, next), name)
	}
	require.False(t, p.Names(providertest.Ended(t, p, render(t, p, unmarked, splits), providertest.CheckoutOwner), "checkout-canary"))

	// As somebody who takes the flag to be the mistake.
	unflagged := trafficrouting.Objects{Route: live.Route.DeepCopy()}
	rulesOf(unflagged.Route, "routes")[0].(object)["services"].([]any)[1].(object)["mirror"] = false
	providertest.SameObjects(t, user, providertest.Ended(t, p, unflagged, providertest.CheckoutOwner), "percent of copies are no weight")
	providertest.SameObjects(t, live, render(t, p, unflagged, splits))
	half := []trafficrouting.Split{trafficrouting.Between(providertest.Checkout, 500_000)}
	providertest.SameObjects(t, render(t, p, user, half), render(t, p, unflagged, half))
	guarded, err := p.Guard(live, unflagged)
	require.NoError(t, err)
	providertest.SameObjects(t, live, guarded)

	lone := trafficrouting.Objects{Route: live.Route.DeepCopy()}
	rule := rulesOf(lone.Route, "routes")[0].(object)
	rule["services"] = rule["services"].([]any)[1:]
	require.Equal(t, []any{object{"name": "checkout", "port": int64(80)}},
		rulesOf(providertest.Ended(t, p, lone, providertest.CheckoutOwner).Route, "routes")[0].(object)["services"], "a rule keeps a backend")
}

// TestMirrorsThatCannotBe says of each route and mirror why not.
func TestMirrorsThatCannotBe(t *testing.T) {
	fraction := mirroring(20, v1alpha1.MirrorAll)
	fraction[0].Rules[0].Mirror.PPM = 5_000
	headers := []trafficrouting.Split{providertest.ForStep(providertest.Checkout, v1alpha1.Step{
		Match: canary("yes"), RequestHeaders: &v1alpha1.HeaderModifier{Remove: []string{"x-lane"}},
	})}
	all, safe := mirroring(20, v1alpha1.MirrorAll), mirroring(20, v1alpha1.MirrorSafe)
	for name, of := range map[string]struct {
		kind, route string
		splits      []trafficrouting.Split
		says        string
	}{
		"a TraefikService": {"traefikservice.traefik.io", userTraefikServices["one Service"], all, "a TraefikService cannot mirror requests, by its RouteKind; take mirror out of the step"},
		"a part of one percent": {
			"ingressroute.traefik.io", userIngressRoutes["one rule"], fraction,
			"an IngressRoute mirrors whole percent of the requests, by its RouteKind, and 0.5% is none; change mirror.percent",
		},
		"changed headers": {
			"ingressroute.traefik.io", userIngressRoutes["one rule"], headers,
			"an IngressRoute cannot change headers, as no RouteKind says how; take requestHeaders and stickiness out",
		},
		"some requests of a rule that is mirrored as a whole": {
			"httpproxy.projectcontour.io", userHTTPProxies["one rule"], safe,
			"an HTTPProxy mirrors all that a rule gets, by its RouteKind; say requests: All, or take mirror out of the step",
		},
		"a rule of several backends": {
			"ingressroute.traefik.io", userIngressRoutes["weights of its own"], all,
			"rule 1: it sends elsewhere than to one port of Service checkout, and a mirror copies all that a rule gets; split the rule or take mirror out of the step",
		},
		"a neighbour of the next priority": {
			"ingressroute.traefik.io", unsplittable["rules of neighbouring priority"].route, all,
			"the copy of its rule 1 would have priority 17, and come before its rule 2, which has 17; give rule 2 one of 18 or more",
		},
		"a rule of an older syntax": {
			"ingressroute.traefik.io", unsplittable["an older syntax"].route, safe,
			"rule 1: it is of syntax v2; rewrite it in v3, or take match out of the step",
		},
	} {
		p := shipped(t, of.kind)
		live := trafficrouting.Objects{Route: providertest.Parse(of.route)}
		title := "split " + live.Route.GetKind() + " shop/shop: "
		require.Equal(t, title+of.says, p.Check(live, providertest.CheckoutOwner, of.splits), name)
	}
	p := shipped(t, "httpproxy.projectcontour.io")
	live := trafficrouting.Objects{Route: providertest.Parse(strings.Replace(unsplittable["a mirror among services"].route, "audit", "audit-canary", 1))}
	require.Contains(t, p.Check(live, providertest.CheckoutOwner, all), "take the mirror out", "a mirror of the user's own")
}

// TestMirrorsThatTheAPIServerRefuses by what its schema says of descriptions.
func TestMirrorsThatTheAPIServerRefuses(t *testing.T) {
	const through = "object: {kind: Fork, kindField: kind, field: fork, copiesField: copies}"
	for says, mirror := range map[string]string{
		"":                               "{percentField: share, " + through + "}",
		"spec.mirror.percentField":       "{flagField: shadow}",
		"say flagField or object":        "{percentField: share}",
		"by a flag or through an object": "{percentField: share, flagField: shadow, " + through + "}",
	} {
		err := servers()["RouteKind"].Refuses(providertest.Parse(description + "  mirror: " + mirror + "\n"))
		if says == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, says, mirror)
	}
	_, err := generic.New(described(t, description+"  mirror: {percentField: share, "+through+"}\n").Spec)
	require.NoError(t, err)
}
