package gatewayapi_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/gatewayapi"
	"crossfade.io/crossfade/trafficrouting/providertest"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// TestTakeoverOfMadeUpRivals proves on routes by dice that no request of another route goes by another rule than before where a
// step is not refused, and that one does, or might, where it is: by Traefik with listeners of one port, and by the API with one.
func TestTakeoverOfMadeUpRivals(t *testing.T) {
	p := gatewayapi.HTTPRoute()
	for class, listeners := range map[string][]string{"traefik": {"*.example.com", "*.a-longer-domain.example.org"}, "envoy": {""}} {
		refused, free := 0, 0
		for round := range 400 {
			rng := rand.New(rand.NewPCG(uint64(round), 11))
			gateway := "{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: gate, namespace: shop}, spec: {gatewayClassName: " + class + ", listeners: ["
			for i, host := range listeners {
				gateway += fmt.Sprintf("{name: l%d, port: 443, protocol: HTTPS, hostname: %q}, ", i, host)
			}
			cluster := []string{gateway + "]}}", traefik, envoy}
			for i := range 1 + rng.IntN(3) {
				age := []string{older, younger}[rng.IntN(2)]
				cluster = append(cluster, strings.ReplaceAll(fmt.Sprintf(rival, "shop", age, "{name: gate}", madeUpHosts(rng), madeUp(rng)), "admin", fmt.Sprintf("r%d", i)))
			}
			live := attached(t, p, strings.Replace(fmt.Sprintf(ours, madeUpHosts(rng)), plainly, madeUp(rng), 1), "[{name: gate}]", cluster...)
			splits := []trafficrouting.Split{step(0, header("x-b", "1"))}
			out, err := p.Render(live, providertest.CheckoutOwner, splits)
			if err != nil {
				continue
			}
			moved, others := "", slices.DeleteFunc(slices.Clone(live.About), func(o *unstructured.Unstructured) bool { return o.GetKind() != "HTTPRoute" })
			for _, host := range []string{"shop.example.com", "any.example.com", "shop.a-longer-domain.example.org", "any.a-longer-domain.example.org"} {
				for _, r := range universe() {
					was := routed(p, append(others, live.Route), listeners, host, r)
					for route := range routed(p, append(others, out.Route), listeners, host, r) {
						if len(was) > 0 && !was[route] {
							moved = fmt.Sprintf("%s %v: from %v to %s", host, r, was, route)
						}
					}
				}
			}
			if reason := p.Check(live, providertest.CheckoutOwner, splits); reason != "" {
				refused++
				require.NotEmpty(t, moved, "needlessly: %s\n%s", reason, written(t, append(others, live.Route)))
				continue
			}
			free++
			require.Empty(t, moved, written(t, append(others, live.Route)))
		}
		require.Greater(t, min(refused, free), 5, "both happen on %s", class)
	}
}

func madeUpHosts(rng *rand.Rand) string {
	return []string{`[]`, `["*.example.com"]`, `[shop.example.com]`, `["*.example.com", shop.a-longer-domain.example.org]`, `["*.a-longer-domain.example.org"]`}[rng.IntN(5)]
}

func written(t *testing.T, routes []*unstructured.Unstructured) string {
	t.Helper()
	var out strings.Builder
	for _, route := range routes {
		text, err := yaml.Marshal(route.Object)
		require.NoError(t, err)
		out.Write(text)
	}
	return out.String()
}

func isFor(own, host string) bool {
	return own == "" || own == host || strings.HasPrefix(own, "*") && strings.HasSuffix(host, own[1:])
}

// heard are the longest hostname that a route has at a listener, and the one by which it gets requests for a host there.
func heard(names []string, listener, host string) (longest int, hit string, some bool) {
	for _, name := range names {
		at := name
		if isFor(name, listener) {
			at = listener
		} else if !isFor(listener, name) {
			continue
		}
		if longest = max(longest, len(at)); isFor(at, host) {
			hit, some = max(hit, at), true
		}
	}
	return longest, hit, some
}

// routed are the routes that may get a request: by Traefik's sums where there are several listeners, else by the API.
func routed(p gatewayapi.Route, routes []*unstructured.Unstructured, listeners []string, host string, r asked) map[string]bool {
	var best []int
	out := map[string]bool{}
	for _, route := range routes {
		names, _, _ := unstructured.NestedStringSlice(route.Object, "spec", "hostnames")
		if len(names) == 0 {
			names = []string{""}
		}
		for _, listener := range listeners {
			longest, hit, some := heard(names, listener, host)
			if !some {
				continue
			}
			all := p.Rules(route)
			for i, rule := range all {
				for _, match := range p.Matches(rule) {
					place, ok := placeOf(match, r)
					if !ok {
						continue
					}
					if len(listeners) > 1 {
						place = []int{place[0] + longest + len(all) - i}
					} else {
						exact := 0
						if hit == host {
							exact = 1
						}
						place = append([]int{exact, len(hit)}, append(place[1:], -int(route.GetCreationTimestamp().Unix()), -int(route.GetName()[1]))...)
					}
					if c := slices.Compare(place, best); c > 0 {
						best, out = place, map[string]bool{route.GetName(): true}
					} else if c == 0 {
						out[route.GetName()] = true
					}
				}
			}
		}
	}
	return out
}

// placeOf is the sum of a match, and what the API goes by in turn, and whether the match takes a request.
func placeOf(match rules.Object, r asked) ([]int, bool) {
	at := match["path"].(rules.Object)
	value := at["value"].(string)
	exact, sum, ok := 0, 10_000+100*len(value), r.path == value || strings.HasPrefix(r.path, strings.TrimSuffix(value, "/")+"/")
	switch {
	case at["type"] == "Exact":
		exact, sum, ok = 1, 100_000, r.path == value
	case value == "/":
		sum = 1
	}
	named := 0
	if method, some := match["method"]; some {
		named, ok = 1, ok && method == r.method
	}
	headers, params := rules.Objects(match["headers"]), rules.Objects(match["queryParams"])
	for _, h := range headers {
		ok = ok && r.headers[h["name"].(string)]
	}
	for _, q := range params {
		ok = ok && r.params[q["name"].(string)]
	}
	return []int{sum + 1000*named + 100*len(headers) + 10*len(params), exact, len(value), named, len(headers), len(params)}, ok
}
