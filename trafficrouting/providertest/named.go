package providertest

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
)

// chosen is how a Service is called in rules that are split by their names, so that a model tells them from others.
const chosen = "-chosen"

// choosing is a Provider that splits the rules of these names alone, which differ from owner to owner.
type choosing struct {
	trafficrouting.Provider
	of map[trafficrouting.Owner]trafficrouting.Provider
}

func (c choosing) Render(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) (trafficrouting.Objects, error) {
	return c.of[owner].Render(live, owner, splits)
}

func (c choosing) Observe(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) trafficrouting.Observed {
	return c.of[owner].Observe(live, owner, splits)
}

func (c choosing) Check(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) string {
	return c.of[owner].Check(live, owner, splits)
}

// Named says how rules of a kind are named in a test.
type Named struct {
	// Routes of the fixtures, without policies.
	Routes []string
	// Name gives each rule that can have one a name, and returns the names.
	Name func(route *unstructured.Unstructured) []string
	// Aim has a rule send to another Service what it sends to this one.
	Aim func(route *unstructured.Unstructured, rule, service, instead string)
}

// RunNamed proves the laws where rules are split by their names: each one alone that names a Service, beside another one of
// another owner.
func RunNamed(t *testing.T, p trafficrouting.Provider, f Fixtures, n Named) {
	t.Helper()
	for _, title := range n.Routes {
		objects := f.Routes[title]
		user := copyOf(objects)
		names := n.Name(user.Route)
		serving := func(service string) []string {
			return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
				aimed := user.Route.DeepCopy()
				n.Aim(aimed, name, service, service+chosen)
				return encode(t, aimed.Object) == encode(t, user.Route.Object)
			})
		}
		carts := serving(Cart)
		if len(carts) == 0 {
			carts = []string{"none"}
		}
		for i, name := range serving(Checkout) {
			t.Run(title+", "+name, func(t *testing.T) {
				of := map[trafficrouting.Owner][]string{CheckoutOwner: {name}, CartOwner: {carts[(i+1)%len(carts)]}}
				c := contract{Provider: choose(p, of), Fixtures: f, user: user, named: true}
				c.Serve = n.served(f.Serve, user.Route, of)
				t.Run("may be used", c.mayBeUsed)
				t.Run("one that is being deleted is led to its end", c.rendersToTheEnd)
				t.Run("stripping gives the user's route", c.strips)
				t.Run("rendering twice gives what rendering once gave", c.rendersOnce)
				t.Run("the last rendering counts", c.lastCounts)
				t.Run("arguments stay as they are", c.mutatesNothing)
				t.Run("requests of the rule go where the split says, and others stay", c.routes)
				t.Run("two owners leave no trace in any order", c.interleaves)
				t.Run("edits by others survive", c.keepsEdits)
				t.Run("updates by others are guarded", c.guards)
				t.Run("what is in effect is told", c.observes)
			})
		}
	}
}

func choose(p trafficrouting.Provider, of map[trafficrouting.Owner][]string) trafficrouting.Provider {
	kind := schema.GroupKind{Group: "g", Kind: "k"}
	registry := trafficrouting.NewRegistry(map[schema.GroupKind]trafficrouting.Maker{kind: func(v1alpha1.RouteRef) trafficrouting.Provider { return p }})
	out := choosing{p, map[trafficrouting.Owner]trafficrouting.Provider{}}
	for owner, names := range of {
		out.of[owner], _ = registry.For(v1alpha1.RouteRef{Group: kind.Group, Kind: kind.Kind, Rules: names})
	}
	return out
}

// served is a model of the data plane that calls a Service otherwise where the user's route sends to it by a chosen rule.
func (n Named) served(serve func(trafficrouting.Objects, Request) Shares, user *unstructured.Unstructured, of map[trafficrouting.Owner][]string) func(trafficrouting.Objects, Request) Shares {
	marked := user.DeepCopy()
	for owner, service := range map[trafficrouting.Owner]string{CheckoutOwner: Checkout, CartOwner: Cart} {
		for _, rule := range of[owner] {
			n.Aim(marked, rule, service, service+chosen)
		}
	}
	return func(live trafficrouting.Objects, r Request) Shares {
		if live.Route == user {
			live.Route = marked
		}
		return serve(live, r)
	}
}

// fold gives the Services of chosen rules their names back.
func fold(s Shares) Shares {
	out := Shares{}
	for key, share := range s {
		service, how, _ := strings.Cut(key, "|")
		key = fmt.Sprint(strings.TrimSuffix(service, chosen), "|", how)
		if out[key] == nil {
			out[key] = new(big.Rat)
		}
		out[key].Add(out[key], share)
	}
	return out
}

// expects says where requests like r must go.
func (c contract) expects(r Request, splits ...trafficrouting.Split) map[string]string {
	if !c.named {
		return Expected(c.Serve(c.user, r), r, splits...)
	}
	var marked []trafficrouting.Split
	for _, s := range splits {
		s.Base.Service += chosen
		marked = append(marked, s)
	}
	return Visible(fold(expected(c.Serve(c.user, r), r, marked...)))
}

// loses says whether none of the rules that an owner has chosen is left in a route, who sends some of it elsewhere.
func (c contract) loses(t *testing.T, route *unstructured.Unstructured, p parts) bool {
	t.Helper()
	for owner, s := range p {
		if trafficrouting.Neutral([]trafficrouting.Split{s}) {
			continue
		}
		out, err := c.Render(trafficrouting.Objects{Route: route, About: c.user.About}, owner, []trafficrouting.Split{trafficrouting.AllCanary(s.Base.Service)})
		require.NoError(t, err)
		if !c.Names(out, trafficrouting.NameOn(out.Route, owner.Namespace, trafficrouting.CanaryOf(s.Base.Service))) {
			return true
		}
	}
	return false
}
