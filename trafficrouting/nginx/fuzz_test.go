package nginx_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

// FuzzRenderStrip lets two owners do what they like to any Ingresses, and proves after every turn that only canary Ingresses
// have come or gone, that they depend on the present splits alone, that requests go where these say, and that the API
// server would take them; in the end that the user's are left.
func FuzzRenderStrip(f *testing.F) {
	for _, seed := range []string{"", "the quick brown fox jumps over the lazy dog", "\x01\x02\x03\x04\x05\x06\x07\x00\x01\x02\x03\x04\x05\x06\x07"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(play)
}

// rounds is how many made-up Ingresses every run of the tests plays; the fuzzer plays more.
var rounds = flag.Int("rounds", 150, "made-up Ingresses to play")

// TestMadeUpIngresses plays long games with dice of a fixed seed.
func TestMadeUpIngresses(t *testing.T) {
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

func play(t *testing.T, data []byte) { turns(t, data) }

// turns returns how many of the turns could be taken.
func turns(t *testing.T, data []byte) (taken int) {
	d := dice{data}
	flavor := providertest.Choose(&d, v1alpha1.FlavorIngressNginx, v1alpha1.FlavorTraefik, v1alpha1.FlavorHigress)
	p, serve := of(flavor), models[flavor]
	user := d.user()
	live, now := user, map[trafficrouting.Owner]trafficrouting.Split{}
	owners := map[string]trafficrouting.Owner{providertest.Checkout: providertest.CheckoutOwner, providertest.Cart: providertest.CartOwner}
	for range 6 {
		service := providertest.Choose(&d, providertest.Checkout, providertest.Cart)
		owner, split := owners[service], d.split(service)
		if d.Roll(4) == 3 {
			out, err := p.Strip(live, owner)
			require.NoError(t, err)
			live = out
			delete(now, owner)
		} else if p.Check(user, owner, []trafficrouting.Split{split}) == "" {
			taken++
			out, err := p.Render(live, owner, []trafficrouting.Split{split})
			require.NoError(t, err)
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
		for _, obj := range live.Beside {
			require.NoError(t, admit(obj))
		}
		for _, r := range samples {
			want := providertest.Expected(serve(user, r), r, splits...)
			require.Equal(t, want, providertest.Visible(serve(live, r)), "%s, request %+v, splits %+v", flavor, r, splits)
		}
	}
	for _, owner := range owners {
		out, err := p.Strip(live, owner)
		require.NoError(t, err)
		live = out
	}
	providertest.SameObjects(t, user, live)
	return taken
}

// samples are requests to what dice make up.
var samples = func() []providertest.Request {
	var out []providertest.Request
	for _, at := range []string{host, "other.example.com"} {
		for _, path := range []string{"/shop/", "/shop/shop/1", "/shop/cart", "/shop/api", "/shop/api/x/y", "/other-0/", "/other-0/api", "/other-1/cart/1"} {
			for _, headers := range []map[string]string{
				{}, {"x-canary": "yes"}, {"x-canary": "always"}, {"x-tenant": "bb"}, {"x-tenant": "c", "cookie": "group=always"}, {"cookie": "group=alwaysnot"},
			} {
				headers["host"] = at
				out = append(out, providertest.Request{Path: path, Method: "GET", Headers: headers})
			}
		}
	}
	return out
}()

type dice struct{ providertest.Dice }

// user makes up a user's Ingress and others beside it.
func (d *dice) user() trafficrouting.Objects {
	out := trafficrouting.Objects{Route: d.ingress("shop")}
	for i := range d.Roll(3) {
		out.Beside = append(out.Beside, d.ingress(fmt.Sprintf("other-%d", i)))
	}
	return out
}

func (d *dice) ingress(name string) *unstructured.Unstructured {
	rules := ""
	for range 1 + d.Roll(2) {
		at := providertest.Choose(d, host, host, "other.example.com")
		for range 1 + d.Roll(3) {
			kind, to := providertest.Choose(d, "Prefix", "Prefix", "Exact", "ImplementationSpecific"), providertest.Choose(d, "/", "/shop", "/cart", "/api", "/api/x")
			below := providertest.Choose(d, "/"+name, "/"+name, "/shop")
			rules += all(at, path(kind, below+to, providertest.Choose(d, "checkout", "checkout", "cart", "static"))) + ", "
		}
	}
	annotations := ", annotations: {nginx.ingress.kubernetes.io/affinity: cookie}}"
	sides := 8
	if name == "shop" {
		sides = 1 // the models serve class nginx
	}
	switch d.Roll(sides) + 8 - sides {
	case 7:
		return ingress(name, annotations+"\nspec: {ingressClassName: nginx, rules: ["+rules+"]}")
	case 1:
		return ingress(name, ", annotations: {kubernetes.io/ingress.class: nginx}}\nspec: {rules: ["+rules+"]}")
	case 2:
		return ingress(name, "}\nspec: {ingressClassName: other, rules: ["+rules+"]}")
	}
	return ingress(name, spec(rules))
}

func (d *dice) split(service string) trafficrouting.Split {
	step := v1alpha1.Step{Weight: ptr.To(providertest.Choose(d, intstr.FromInt32(10), intstr.FromInt32(0), intstr.FromInt32(100), intstr.FromString("0.5%"), intstr.FromInt32(33)))}
	for range d.Roll(3) {
		step.Match = append(step.Match, providertest.Choose(d,
			header("x-canary", "yes"), header("x-canary", "always"), headerLike("x-tenant", "a|b+"), cookieOf("group", "always")))
	}
	return providertest.ForStep(service, step)
}
