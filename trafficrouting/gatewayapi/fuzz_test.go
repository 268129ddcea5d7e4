package gatewayapi_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/gatewayapi"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

var seeds = [][]byte{
	nil,
	{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
	[]byte("the quick brown fox jumps over the lazy dog, twice: the quick brown fox"),
	{3, 3, 0, 5, 1, 2, 7, 8, 0, 1, 1, 1, 1, 1, 1, 2, 3, 1, 1, 0, 5, 7, 3, 2, 1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2, 1, 4, 1, 1, 3, 0, 2, 2},
	{0, 1, 0, 0, 9, 0, 0, 0, 9, 0, 1, 1, 4, 1, 0, 0, 1, 1, 0, 2, 0, 1, 1, 4, 1, 1, 0, 2, 2, 2, 2, 3, 3},
}

// FuzzRenderStrip lets two owners do what they like to any route, and proves after every turn that the
// route depends on their present splits alone, that requests go where these say, and that the API
// server would take it; in the end that it is the user's again.
func FuzzRenderStrip(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) { playTurns(t, "HTTPRoute", data) })
}

// FuzzGRPCRenderStrip does the same with GRPCRoutes.
func FuzzGRPCRenderStrip(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) { playTurns(t, "GRPCRoute", data) })
}

// rounds is how many made-up routes every run of the tests plays; the fuzzer plays more.
var rounds = flag.Int("rounds", 60, "made-up routes to play")

// TestMadeUpRoutes plays what the fuzz targets play with dice of a fixed seed, so that long games,
// which a fuzzer seldom makes up, are played in every run.
func TestMadeUpRoutes(t *testing.T) {
	for round := range *rounds {
		data := make([]byte, 400)
		rng := rand.New(rand.NewPCG(uint64(round), 1))
		for i := range data {
			data[i] = byte(rng.IntN(256))
		}
		for kind := range kinds {
			if !t.Run(fmt.Sprintf("two owners of a %s, round %d", kind, round), func(t *testing.T) { playTurns(t, kind, data) }) ||
				!t.Run(fmt.Sprintf("somebody else edits a %s, round %d", kind, round), func(t *testing.T) { playEdits(t, kind, data) }) {
				return
			}
		}
	}
}

func playTurns(t *testing.T, kind string, data []byte) {
	d := dice{data}
	user := d.route(kind)
	sound := admit(user) == nil
	live, now := user, map[trafficrouting.Owner]trafficrouting.Split{}
	for range 6 {
		owner, service := providertest.CheckoutOwner, providertest.Checkout
		if d.Roll(2) == 1 {
			owner, service = providertest.CartOwner, providertest.Cart
		}
		if d.Roll(4) == 3 {
			live = strip(t, live, owner)
			delete(now, owner)
			forget(live, now)
		} else {
			s := d.split(service)
			out, err := kinds[kind].Render(trafficrouting.Objects{Route: live}, owner, []trafficrouting.Split{s})
			if err != nil {
				continue // refused, with nothing written
			}
			live, now[owner] = out.Route, s
			if len(s.Rules) == 0 && s.Shares[1].PPM == 0 {
				forget(live, now)
			}
		}
		check(t, user, live, now, sound)
	}
	if sound {
		require.NoError(t, admit(live))
	}
	for owner := range now {
		live = strip(t, live, owner)
	}
	providertest.SameJSON(t, user, live)
}

// forget drops the owners whose part had to go so that another one could go back: weights that were
// exact beside a split backend may not be so beside a whole one.
func forget(live *unstructured.Unstructured, now map[trafficrouting.Owner]trafficrouting.Split) {
	for owner := range now {
		if _, ok := live.GetAnnotations()["split.crossfade.io/"+owner.Name]; !ok {
			delete(now, owner)
		}
	}
}

func check(t *testing.T, user, live *unstructured.Unstructured, now map[trafficrouting.Owner]trafficrouting.Split, sound bool) {
	t.Helper()
	fresh := user
	var splits []trafficrouting.Split
	for owner, s := range now {
		splits = append(splits, s)
		if fresh == nil {
			continue
		}
		out, err := kinds[live.GetKind()].Render(trafficrouting.Objects{Route: fresh}, owner, []trafficrouting.Split{s})
		if err != nil {
			fresh = nil // one of them alone may be refused where both are not
			continue
		}
		fresh = out.Route
	}
	if fresh != nil {
		providertest.SameJSON(t, fresh, live, "the order shows")
	}
	if !sound {
		return
	}
	for _, r := range sample(user.GetKind()) {
		if was := serveAlike(user, r); !gatewaysDiffer(was) {
			want, got := providertest.Expected(was, r, splits...), providertest.Visible(serveAlike(live, r))
			if !maps.Equal(want, got) {
				require.Equal(t, want, got, "request %+v\nuser's route:\n%s\nlive:\n%s", r, show(user), show(live))
			}
		}
	}
}

// FuzzForeignEdit lets somebody else edit a split route at random: it must stay servable when our part
// is taken out, and the next rendering must settle.
func FuzzForeignEdit(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) { playEdits(t, "HTTPRoute", data) })
}

// FuzzGRPCForeignEdit does the same with GRPCRoutes.
func FuzzGRPCForeignEdit(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) { playEdits(t, "GRPCRoute", data) })
}

func playEdits(t *testing.T, kind string, data []byte) {
	d := dice{data}
	user := d.route(kind)
	live := user
	p := kinds[kind]
	splits := []trafficrouting.Split{d.split(providertest.Checkout)}
	rendered, err := p.Render(trafficrouting.Objects{Route: live}, providertest.CheckoutOwner, splits)
	if err != nil {
		return
	}
	live = rendered.Route
	if cart, err := p.Render(rendered, providertest.CartOwner, []trafficrouting.Split{d.split(providertest.Cart)}); err == nil && d.Roll(2) == 1 {
		live = cart.Route
	}
	stored := live.DeepCopy()
	for range 1 + d.Roll(4) {
		d.edit(live)
	}
	before := live.DeepCopy()
	checkGuarded(t, stored, live)
	stripped := strip(t, live, providertest.CheckoutOwner)
	providertest.SameJSON(t, before, live, "arguments stay as they are")
	if _, ok := live.GetAnnotations()["split.crossfade.io/checkout"]; ok {
		require.False(t, p.Names(trafficrouting.Objects{Route: stripped}, "checkout-canary"))
	}
	if dead(live) == 0 && dead(user) == 0 {
		require.Zero(t, dead(stripped), "a rule lost its last backend:\n%s\n%s", show(live), show(stripped))
	}
	again, err := p.Render(trafficrouting.Objects{Route: live}, providertest.CheckoutOwner, splits)
	if err != nil {
		return
	}
	twice, err := p.Render(again, providertest.CheckoutOwner, splits)
	require.NoError(t, err)
	providertest.SameJSON(t, again.Route, twice.Route)
	require.False(t, p.Names(trafficrouting.Objects{Route: strip(t, twice.Route, providertest.CheckoutOwner)}, "checkout-canary"))
}

// checkGuarded requires of a foreign update that is let in that the API server may ask about its result again, and
// that the parts can be taken out of it.
func checkGuarded(t *testing.T, stored, written *unstructured.Unstructured) {
	t.Helper()
	p, before := kinds[stored.GetKind()], trafficrouting.Objects{Route: stored}
	once, err := p.Guard(before, trafficrouting.Objects{Route: written})
	if err != nil {
		return
	}
	twice, err := p.Guard(before, once)
	require.NoError(t, err)
	providertest.SameJSON(t, once.Route, twice.Route)
	for key := range stored.GetAnnotations() {
		require.Contains(t, once.Route.GetAnnotations(), key)
	}
	require.False(t, p.Names(trafficrouting.Objects{Route: strip(t, once.Route, providertest.CheckoutOwner)}, "checkout-canary"))
}

// dead counts the rules that have backends and give none of them anything.
func dead(route *unstructured.Unstructured) (count int) {
	for _, rule := range rulesOf(route) {
		refs, _ := rule.(map[string]any)["backendRefs"].([]any)
		total := int64(0)
		for _, ref := range refs {
			total += weight(ref.(map[string]any))
		}
		if len(refs) > 0 && total == 0 {
			count++
		}
	}
	return count
}

func gatewaysDiffer(s providertest.Shares) bool {
	for key := range s {
		if len(key) > 8 && key[:8] == "gateways" {
			return true
		}
	}
	return false
}

// FuzzAnnotation proves that no annotation, whoever wrote it, breaks the provider.
func FuzzAnnotation(f *testing.F) {
	live := render(f, stored(userRoutes["one rule"]), providertest.CheckoutOwner, trafficrouting.Between("checkout", 100_000))
	f.Add(live.GetAnnotations()["split.crossfade.io/checkout"])
	f.Add("{}")
	f.Add(`{"v":1,"rules":[{"i":0,"b":["checkout:80"],"w":[null],"r":[90],"k":1}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		broken := live.DeepCopy()
		broken.SetAnnotations(map[string]string{"split.crossfade.io/checkout": text, "split.crossfade.io/cart-rollout": text})
		p, route := gatewayapi.HTTPRoute(), trafficrouting.Objects{Route: broken}
		splits := []trafficrouting.Split{trafficrouting.AllStable("checkout")}
		p.Observe(route, providertest.CheckoutOwner, splits)
		if out, err := p.Strip(route, providertest.CheckoutOwner); err == nil {
			_, err := json.Marshal(out.Route.Object)
			require.NoError(t, err)
		}
		if out, err := p.Render(route, providertest.CheckoutOwner, splits); err == nil {
			twice, err := p.Render(out, providertest.CheckoutOwner, splits)
			require.NoError(t, err)
			providertest.SameJSON(t, out.Route, twice.Route)
		}
	})
}
