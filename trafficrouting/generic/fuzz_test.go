package generic_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/generic"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

// The fuzz tests let two owners do what they like to any route of a kind, and prove after every turn that what is there
// depends on the present splits alone, that requests go where these say, and that the API server would take it; in the end
// that the route is as the user left it.

func FuzzIngressRoute(f *testing.F) { fuzz(f, ingressRoutes()) }

func FuzzTraefikService(f *testing.F) { fuzz(f, traefikServices()) }

func FuzzHTTPProxy(f *testing.F) { fuzz(f, httpProxies()) }

func fuzz(f *testing.F, of plane) {
	for _, seed := range []string{"", "the quick brown fox jumps over the lazy dog", "\x03\x01\x02\x05\x04\x05\x06\x07\x00\x01\x02\x03\x04\x05\x06\x07"} {
		f.Add([]byte(seed))
	}
	p := shipped(f, of.description)
	f.Fuzz(func(t *testing.T, data []byte) { turns(t, p, of, data) })
}

// TestMadeUpRoutes plays long games with dice of a fixed seed.
func TestMadeUpRoutes(t *testing.T) {
	const rounds = 60
	for kind, of := range planes {
		t.Run(kind, func(t *testing.T) {
			of := of()
			p, taken := shipped(t, of.description), 0
			for round := range rounds {
				data := make([]byte, 300)
				rng := rand.New(rand.NewPCG(uint64(round), 1))
				for i := range data {
					data[i] = byte(rng.IntN(256))
				}
				t.Run(fmt.Sprintf("round %d", round), func(t *testing.T) { taken += turns(t, p, of, data) })
			}
			require.Greater(t, taken, rounds/2, "many turns must be ones that can be taken")
		})
	}
}

// turns returns how many of the turns could be taken.
func turns(t *testing.T, p generic.Route, of plane, data []byte) (taken int) {
	d := providertest.Dice(data)
	user := trafficrouting.Objects{Route: of.made(&d)}
	require.NoError(t, admit(user.Route), "what is made up is a user's")
	live, now := user, map[trafficrouting.Owner]trafficrouting.Split{}
	owners := map[string]trafficrouting.Owner{providertest.Checkout: providertest.CheckoutOwner, providertest.Cart: providertest.CartOwner}
	strip := func(owner trafficrouting.Owner) {
		live = providertest.Ended(t, p, live, owner)
		delete(now, owner)
	}
	for range 6 {
		service := providertest.Choose(&d, providertest.Checkout, providertest.Cart)
		owner, split := owners[service], madeSplit(&d, service)
		if d.Roll(4) == 3 {
			strip(owner)
		} else if p.Check(user, owner, []trafficrouting.Split{split}) == "" {
			out, err := p.Render(live, owner, []trafficrouting.Split{split})
			if err != nil {
				continue // together with the other's it would ask too much of a match
			}
			taken++
			live, now[owner] = out, split
		}
		var splits []trafficrouting.Split
		fresh := user
		for of, s := range now {
			out, err := p.Render(fresh, of, []trafficrouting.Split{s})
			require.NoError(t, err)
			fresh, splits = out, append(splits, s)
		}
		needed := providertest.Needed(p, fresh, live, providertest.CheckoutOwner, providertest.CartOwner)
		providertest.SameObjects(t, fresh, needed, "the order shows")
		if len(now) > 0 {
			for _, obj := range append([]*unstructured.Unstructured{live.Route}, live.Beside...) {
				require.NoError(t, of.fixtures.Admit(obj))
			}
		}
		for _, r := range of.fixtures.Requests {
			want := providertest.Expected(of.fixtures.Serve(user, r), r, splits...)
			require.Equal(t, want, providertest.Visible(of.fixtures.Serve(live, r)), "request %+v, splits %+v", r, splits)
		}
	}
	for _, owner := range owners {
		strip(owner)
	}
	providertest.SameObjects(t, user, live)
	return taken
}

func madeSplit(d *providertest.Dice, service string) trafficrouting.Split {
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
	if d.Roll(5) == 4 {
		step.Weight, step.Mirror = nil, &v1alpha1.Mirror{Requests: providertest.Choose(d, v1alpha1.MirrorAll, v1alpha1.MirrorSafe), Percent: ptr.To(providertest.Choose[int32](d, 20, 100))}
	}
	return providertest.ForStep(service, step)
}
