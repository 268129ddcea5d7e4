package gatewayapi_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/gatewayapi"
	"crossfade.io/crossfade/trafficrouting/providertest"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// TestTakeoverOfMadeUpRoutes proves on routes by dice that Traefik sends no request by another rule than before where a
// step is not refused, and that it would send one so, or might, where it is.
func TestTakeoverOfMadeUpRoutes(t *testing.T) {
	p, refused, free := gatewayapi.HTTPRoute(), 0, 0
	for round := range 600 {
		rng := rand.New(rand.NewPCG(uint64(round), 7))
		manifest := head
		for i := range 2 + rng.IntN(3) {
			manifest += fmt.Sprintf("\n  - matches: [%s]\n    filters: [{type: ExtensionRef, extensionRef: {group: traefik.io, kind: Middleware, name: m%d}}]\n    backendRefs: [{name: %s, port: 80}]",
				madeUp(rng), i, []string{"checkout", "legacy"}[min(i, 1)])
		}
		match := v1alpha1.Match{}
		switch rng.IntN(4) {
		case 0:
			match.Method = ptr.To("POST")
		case 1:
			match.QueryParams = queries(1)
		case 2:
			match.Headers = header("x-a", "1").Headers
		default:
			match.Headers = append(header("x-a", "1").Headers, header("x-b", "1").Headers...)
		}
		live := attached(t, p, manifest, `[{name: summing}]`, summing, traefik)
		splits := []trafficrouting.Split{step(0, match)}
		out, err := p.Render(live, providertest.CheckoutOwner, splits)
		if err != nil {
			continue
		}
		moved := ""
		for _, r := range universe() {
			was, is := summed(p, live, r), summed(p, out, r)
			if len(was) == 0 {
				continue
			}
			for rule := range is {
				if !was[rule] {
					moved = fmt.Sprintf("%v: %v then %v", r, was, is)
				}
			}
		}
		if reason := p.Check(live, providertest.CheckoutOwner, splits); reason != "" {
			refused++
			require.NotEmpty(t, moved, "needlessly: %s\n%s\n%v", reason, manifest, match)
			continue
		}
		free++
		require.Empty(t, moved, "%s\n%v", manifest, match)
	}
	require.Greater(t, min(refused, free), 20, "both happen")
}

func madeUp(rng *rand.Rand) string {
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	match := "{path: " + pick("{type: PathPrefix, value: /}", "{type: PathPrefix, value: /a}", "{type: PathPrefix, value: /a}", "{type: PathPrefix, value: /a/b}", "{type: PathPrefix, value: /a/b/c}", "{type: Exact, value: /a}")
	match += pick("", "", "", ", method: POST")
	match += pick("", "", `, headers: [{name: x-a, value: "1"}]`, `, headers: [{name: x-c, value: "1"}]`)
	return match + pick("", "", `, queryParams: [{name: q0, value: "1"}]`) + "}"
}

// asked is one request.
type asked struct {
	path, method    string
	headers, params map[string]bool
}

func universe() []asked {
	var out []asked
	for _, path := range []string{"/", "/a", "/a/b", "/a/b/c", "/a/x"} {
		for bits := range 32 {
			out = append(out, asked{
				path: path, method: []string{"GET", "POST"}[bits&1],
				headers: map[string]bool{"x-a": bits&2 > 0, "x-b": bits&4 > 0, "x-c": bits&8 > 0}, params: map[string]bool{"q0": bits&16 > 0},
			})
		}
	}
	return out
}

// summed are the rules, by the filters that they have, that Traefik may take for a request.
func summed(p gatewayapi.Route, live trafficrouting.Objects, r asked) map[string]bool {
	best, out := 0, map[string]bool{}
	written := p.Rules(live.Route)
	for i, rule := range written {
		name := fmt.Sprint(rules.Objects(rule.Body["filters"])[0]["extensionRef"].(rules.Object)["name"])
		for _, match := range p.Matches(rule) {
			at := match["path"].(rules.Object)
			value := at["value"].(string)
			sum, ok := 10_000+100*len(value), r.path == value || strings.HasPrefix(r.path, strings.TrimSuffix(value, "/")+"/")
			switch {
			case at["type"] == "Exact":
				sum, ok = 100_000, r.path == value
			case value == "/":
				sum = 1
			}
			if method, some := match["method"]; some {
				sum, ok = sum+1000, ok && method == r.method
			}
			for _, h := range rules.Objects(match["headers"]) {
				sum, ok = sum+100, ok && r.headers[h["name"].(string)]
			}
			for _, q := range rules.Objects(match["queryParams"]) {
				sum, ok = sum+10, ok && r.params[q["name"].(string)]
			}
			switch sum += len(written) - i; {
			case !ok || sum < best:
			case sum > best:
				best, out = sum, map[string]bool{name: true}
			default:
				out[name] = true
			}
		}
	}
	return out
}
