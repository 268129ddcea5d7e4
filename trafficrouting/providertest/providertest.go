// Package providertest is the contract of trafficrouting.Provider as a test suite: the laws that hold
// for every kind of route.
package providertest

import (
	"encoding/json"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
)

// The two Rollouts of the suite and the Services that they release. Every route of the fixtures names
// Checkout; those that name Cart too are shared by both.
const (
	Checkout = "checkout"
	Cart     = "cart"
)

// Owners of the two Services.
var (
	CheckoutOwner = trafficrouting.Owner{Namespace: "shop", Name: "checkout"}
	CartOwner     = trafficrouting.Owner{Namespace: "shop", Name: "cart-rollout"}
)

// Shares says which part of like requests each backend gets. A key begins with the name of a Service,
// and goes on after a '|' with all else that matters of how it is called; backends other than a
// Service have keys of their own.
type Shares map[string]*big.Rat

// Fixtures are what a provider brings to the suite.
type Fixtures struct {
	// Routes are the user's, with the user's objects beside them, by what they show.
	Routes map[string]trafficrouting.Objects
	// Requests to try on them.
	Requests []Request
	// Serve is a model of the data plane: where requests like this one go. nil means nowhere.
	Serve func(live trafficrouting.Objects, r Request) Shares
	// More steps than Steps, that routes of this kind can be asked for.
	More []v1alpha1.Step
	// Admit says what the API server would refuse of an object.
	Admit func(obj *unstructured.Unstructured) error
	// Edits are changes by others that mean the same on the user's route and on a split one.
	Edits map[string]func(route *unstructured.Unstructured)
	// Accept returns the route as its controller leaves it when all is well.
	Accept func(live trafficrouting.Objects) trafficrouting.Objects
	// Best is the evidence that an accepted route gives.
	Best trafficrouting.Evidence
}

// Alone are routes with nothing beside them.
func Alone(routes map[string]*unstructured.Unstructured) map[string]trafficrouting.Objects {
	out := map[string]trafficrouting.Objects{}
	for name, route := range routes {
		out[name] = trafficrouting.Objects{Route: route}
	}
	return out
}

// Run proves the laws.
func Run(t *testing.T, p trafficrouting.Provider, f Fixtures) {
	t.Helper()
	for name, route := range f.Routes {
		t.Run(name, func(t *testing.T) {
			c := contract{Provider: p, Fixtures: f, user: route}
			t.Run("may be used", c.mayBeUsed)
			t.Run("what it cannot do is refused", c.refuses)
			t.Run("one that is being deleted is led to its end", c.rendersToTheEnd)
			t.Run("stripping gives the user's route", c.strips)
			t.Run("rendering twice gives what rendering once gave", c.rendersOnce)
			t.Run("the last rendering counts", c.lastCounts)
			t.Run("arguments stay as they are", c.mutatesNothing)
			t.Run("requests go where the split says", c.routes)
			t.Run("two owners leave no trace in any order", c.interleaves)
			t.Run("edits by others survive", c.keepsEdits)
			t.Run("updates by others are guarded", c.guards)
			t.Run("what is in effect is told", c.observes)
		})
	}
}

// contract is the suite on one route.
type contract struct {
	trafficrouting.Provider
	Fixtures
	user trafficrouting.Objects
	// named: rules are split by their names.
	named bool
}

// names says whether the route sends requests to a Service of the owners'.
func (c contract) names(live trafficrouting.Objects, service string) bool {
	return c.Names(live, trafficrouting.NameOn(live.Route, CheckoutOwner.Namespace, service))
}

// steps are those that this kind of route can take.
func (c contract) steps(service string) []trafficrouting.Split {
	can := c.able()
	all := Steps(service)
	for _, step := range c.More {
		all = append(all, ForStep(service, step))
	}
	return slices.DeleteFunc(all, func(s trafficrouting.Split) bool { return !able(can, s) })
}

// able is what the kind can do with this route.
func (c contract) able() trafficrouting.Capabilities {
	can := c.Capabilities(c.user)
	alone := c.alone(Checkout) && c.alone(Cart)
	can.Mirror = can.Mirror && alone
	can.RequestHeaders = can.RequestHeaders && (can.WeightedHeaders || alone)
	can.Sticky = can.Sticky && (alone || !c.names(c.user, Cart)) // cookies of two Rollouts cannot meet in one match
	return can
}

// able says whether the capabilities suffice for a split.
func able(can trafficrouting.Capabilities, s trafficrouting.Split) bool {
	weighted := s.Shares[1].PPM > 0 && s.Shares[1].PPM < trafficrouting.Whole
	if weighted && (!can.Weight || len(s.Rules) > 0 && !can.WeightAndMatch) || s.Shares[1].PPM%can.Granularity != 0 {
		return false
	}
	if !alters(can, trafficrouting.MatchRule{To: s.Shares}, true) {
		return false
	}
	headers, cookies := 0, 0
	for _, rule := range s.Rules {
		if !alters(can, rule, s.Shares[1].Headers != nil) {
			return false
		}
		if slices.ContainsFunc(rule.AnyOf, func(m v1alpha1.Match) bool { return !tells(can, m) }) {
			return false
		}
		for _, m := range rule.AnyOf {
			headers, cookies = headers+len(m.Headers), cookies+len(m.Cookies)
		}
	}
	return !can.OneOfEach || headers <= 1 && cookies <= 1
}

// alters says whether the capabilities suffice for what a rule does to requests.
func alters(can trafficrouting.Capabilities, rule trafficrouting.MatchRule, weighted bool) bool {
	for _, share := range rule.To {
		if share.Headers == nil {
			continue
		}
		if share.Headers.SetCookie != "" && !can.Sticky {
			return false
		}
		weighted := weighted || share.PPM < trafficrouting.Whole
		if share.Headers.Request != nil && (weighted && !can.WeightedHeaders || !weighted && !can.RequestHeaders) {
			return false
		}
	}
	return rule.Mirror == nil || can.Mirror
}

// tells says whether requests can be told apart by a match.
func tells(can trafficrouting.Capabilities, m v1alpha1.Match) bool {
	values := func(of []v1alpha1.ValueMatch, exact, regex bool) bool {
		return !slices.ContainsFunc(of, func(v v1alpha1.ValueMatch) bool { return v.Exact != nil && !exact || v.Regex != nil && !regex })
	}
	if can.OneCondition && len(m.Headers)+len(m.Cookies)+len(m.QueryParams) > 1 {
		return false
	}
	if len(m.Cookies) > 0 && can.OnlyCookie != "" && ptr.Deref(m.Cookies[0].Exact, "") != can.OnlyCookie {
		return false
	}
	return (m.Method == nil || can.Method) && (len(m.SourceLabels) == 0 || can.SourceLabels) && values(m.Headers, can.HeaderExact, can.HeaderRegex) &&
		values(m.Cookies, can.Cookie, can.Cookie) && values(m.QueryParams, can.QueryExact, can.QueryRegex)
}

// refuses: a step beyond the capabilities is named before a Release starts, and never rendered.
func (c contract) refuses(t *testing.T) {
	live := c.user
	can := c.able()
	for _, s := range append(Steps(Checkout), ForStep(Checkout, ByLabels())) {
		if able(can, s) {
			continue
		}
		if can.Sticky != c.Capabilities(live).Sticky && able(c.Capabilities(live), s) {
			continue // it is refused beside the other's alone
		}
		require.NotEmpty(t, c.Check(live, CheckoutOwner, []trafficrouting.Split{s}))
		_, err := c.Render(live, CheckoutOwner, []trafficrouting.Split{s})
		require.Error(t, err)
	}
}

func (c contract) render(t *testing.T, live trafficrouting.Objects, owner trafficrouting.Owner, s trafficrouting.Split) trafficrouting.Objects {
	t.Helper()
	out, err := c.Render(live, owner, []trafficrouting.Split{s})
	require.NoError(t, err)
	return out
}

func (c contract) admits(t *testing.T, live trafficrouting.Objects) {
	t.Helper()
	for _, obj := range append([]*unstructured.Unstructured{live.Route}, live.Beside...) {
		require.NoError(t, c.Admit(obj))
	}
}

func (c contract) strip(t *testing.T, live trafficrouting.Objects, owner trafficrouting.Owner) trafficrouting.Objects {
	t.Helper()
	return Ended(t, c.Provider, live, owner)
}

func (c contract) mayBeUsed(t *testing.T) {
	live := c.user
	require.Empty(t, c.Capabilities(live).Refusal)
	require.Positive(t, c.Settle(live))
	require.True(t, c.names(live, Checkout))
	require.False(t, c.names(live, trafficrouting.CanaryOf(Checkout)))
	for _, s := range c.steps(Checkout) {
		require.Empty(t, c.Check(live, CheckoutOwner, []trafficrouting.Split{s}))
	}
	require.NotEmpty(t, c.Check(trafficrouting.Objects{}, CheckoutOwner, c.steps(Checkout)[:1]), "no route")
	require.NotEmpty(t, c.Check(live, CheckoutOwner, []trafficrouting.Split{trafficrouting.AllStable("absent")}))
}

// rendersToTheEnd: finalizers may keep a route for long after it was deleted, and it serves until then.
func (c contract) rendersToTheEnd(t *testing.T) {
	going := copyOf(c.user)
	going.Route.SetDeletionTimestamp(&metav1.Time{Time: time.Unix(1, 0)})
	for _, s := range c.steps(Checkout) {
		require.NotEmpty(t, c.Check(going, CheckoutOwner, []trafficrouting.Split{s}), "no Release begins on it")
		back := c.render(t, c.render(t, going, CheckoutOwner, s), CheckoutOwner, trafficrouting.AllStable(Checkout))
		SameObjects(t, going, c.strip(t, back, CheckoutOwner))
	}
}

func (c contract) strips(t *testing.T) {
	for _, s := range c.steps(Checkout) {
		live := c.render(t, c.user, CheckoutOwner, s)
		require.Equal(t, len(c.user.Changes(live)) > 0, c.names(live, trafficrouting.CanaryOf(Checkout)))
		SameObjects(t, c.user, c.strip(t, live, CheckoutOwner))
		SameObjects(t, live, c.strip(t, live, CartOwner), "another owner's part is not there to strip")
	}
	SameObjects(t, c.user, c.strip(t, c.user, CheckoutOwner), "nothing to strip")
}

func (c contract) rendersOnce(t *testing.T) {
	for _, s := range c.steps(Checkout) {
		once := c.render(t, c.user, CheckoutOwner, s)
		SameObjects(t, once, c.render(t, once, CheckoutOwner, s))
	}
}

func (c contract) lastCounts(t *testing.T) {
	for _, first := range c.steps(Checkout) {
		live := c.render(t, c.user, CheckoutOwner, first)
		for _, second := range c.steps(Checkout) {
			fresh := c.render(t, c.user, CheckoutOwner, second)
			SameObjects(t, fresh, Needed(c.Provider, fresh, c.render(t, live, CheckoutOwner, second), CheckoutOwner))
		}
	}
}

func (c contract) mutatesNothing(t *testing.T) {
	user := copyOf(c.user)
	for _, s := range c.steps(Checkout) {
		splits := []trafficrouting.Split{s}
		before := encode(t, splits)
		live := c.render(t, user, CheckoutOwner, s)
		SameObjects(t, c.user, user)
		kept := copyOf(live)
		c.strip(t, live, CheckoutOwner)
		c.Observe(live, CheckoutOwner, splits)
		c.render(t, live, CheckoutOwner, trafficrouting.AllCanary(Checkout))
		SameObjects(t, kept, live)
		require.Equal(t, before, encode(t, splits))
	}
}

func (c contract) routes(t *testing.T) {
	shared := c.names(c.user, Cart)
	cart := c.steps(Cart)
	for i, s := range c.steps(Checkout) {
		live := c.render(t, c.user, CheckoutOwner, s)
		c.admits(t, live)
		c.serves(t, live, s)
		for _, shift := range []int{0, 2, 3} {
			if other := cart[(i+shift)%len(cart)]; shared {
				both := c.render(t, live, CartOwner, other)
				c.admits(t, both)
				c.serves(t, both, s, other)
			}
		}
	}
	for _, r := range c.Requests {
		stable := c.render(t, c.user, CheckoutOwner, trafficrouting.AllStable(Checkout))
		require.Equal(t, Visible(fold(c.Serve(c.user, r))), Visible(fold(c.Serve(stable, r))), "all stable behaves as the user's route: %v", r)
	}
}

// serves requires that every request goes where the splits say.
func (c contract) serves(t *testing.T, live trafficrouting.Objects, splits ...trafficrouting.Split) {
	t.Helper()
	for _, r := range c.Requests {
		require.Equal(t, c.expects(r, splits...), Visible(c.Serve(live, r)), "request %+v\nsplits %s", r, encode(t, splits))
	}
}

// SameJSON requires two routes to be the same JSON.
func SameJSON(t testing.TB, want, got *unstructured.Unstructured, why ...any) {
	t.Helper()
	require.JSONEq(t, encode(t, want.Object), encode(t, got.Object), why...)
}

// SameObjects requires the same objects, in any order.
func SameObjects(t testing.TB, want, got trafficrouting.Objects, why ...any) {
	t.Helper()
	SameJSON(t, want.Route, got.Route, why...)
	beside := func(o trafficrouting.Objects) string {
		objects := map[string]any{}
		for _, obj := range o.Beside {
			objects[obj.GetKind()+" "+obj.GetName()] = obj.Object
		}
		require.Len(t, objects, len(o.Beside), why...)
		return encode(t, objects)
	}
	require.JSONEq(t, beside(want), beside(got), why...)
}

func copyOf(o trafficrouting.Objects) trafficrouting.Objects {
	out := trafficrouting.Objects{Route: o.Route.DeepCopy(), About: o.About}
	for _, obj := range o.Beside {
		out.Beside = append(out.Beside, obj.DeepCopy())
	}
	return out
}

func encode(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}
