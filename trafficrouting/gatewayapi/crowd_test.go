package gatewayapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/gatewayapi"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

// crowds are 1000 other routes at a Gateway with 16 listeners; none of them would lose requests, so that all are looked at.
var crowds = map[string]struct {
	listener string // by its number
	hosts    string // of the route that is checked
	rival    func(i int) (hosts, match string)
}{
	"hostnames of their own": {`{name: l%[1]d, port: %[1]d, protocol: HTTP}`, `["*.example.com"]`, func(i int) (string, string) {
		return fmt.Sprintf("[h%d.example.com]", i), `{path: {type: PathPrefix, value: /a/longer/path}}`
	}},
	"listeners by hostname": {`{name: l%[1]d, port: 443, protocol: HTTPS, hostname: "*.d%[1]d.example.com"}`, `[]`, func(i int) (string, string) {
		return "[]", fmt.Sprintf(`{path: {type: PathPrefix, value: /a/longer/path/%d}}`, i)
	}},
	"all alike": {`{name: l%[1]d, port: 443, protocol: HTTPS, hostname: "*.d%[1]d.example.com"}`, `[]`, func(int) (string, string) {
		return "[]", `{path: {type: PathPrefix, value: /}, method: GET, headers: [{name: x-a, value: "1"}, {name: x-b, value: "1"}]}`
	}},
	"younger and by nothing": {`{name: l%[1]d, port: %[1]d, protocol: HTTP}`, `[shop.example.com]`, func(int) (string, string) {
		return "[shop.example.com]", `{path: {type: PathPrefix, value: /}}`
	}},
	"first already": {`{name: l%[1]d, port: %[1]d, protocol: HTTP}`, `[shop.example.com]`, func(i int) (string, string) {
		return "[]", fmt.Sprintf(`{path: {type: PathPrefix, value: /}, queryParams: [{name: q%d, value: "1"}]}`, i)
	}},
	"expressions": {`{name: l%[1]d, port: %[1]d, protocol: HTTP}`, `[shop.example.com]`, func(i int) (string, string) {
		return "[shop.example.com]", fmt.Sprintf(`{path: {type: RegularExpression, value: "^/longer%d/.*"}, method: GET}`, i)
	}},
}

func crowded(t testing.TB, name, class string) trafficrouting.Objects {
	t.Helper()
	c := crowds[name]
	gateway := fmt.Sprintf("{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: gate, namespace: shop}, spec: {gatewayClassName: %s, listeners: [", class)
	for i := range 16 {
		gateway += fmt.Sprintf(c.listener, i+1) + ", "
	}
	live := trafficrouting.Objects{Route: parse(strings.ReplaceAll(fmt.Sprintf(ours, c.hosts), "{name: web}", "{name: gate}"))}
	live.About = []*unstructured.Unstructured{parse(gateway + "]}}"), parse(traefik), parse(envoy)}
	for i := range 1000 {
		hosts, match := c.rival(i)
		other := parse(fmt.Sprintf(rival, "shop", younger, "{name: gate}", hosts, match))
		other.SetName(fmt.Sprintf("r%d", i))
		live.About = append(live.About, other)
	}
	return live
}

// TestCheckAmongManyRoutes has a bound that no machine misses but by a check that grows with the square.
func TestCheckAmongManyRoutes(t *testing.T) {
	for name := range crowds {
		for _, class := range []string{"traefik", "envoy"} {
			t.Run(name+" on "+class, func(t *testing.T) {
				live, before := crowded(t, name, class), time.Now()
				require.Empty(t, gatewayapi.HTTPRoute().Check(live, providertest.CheckoutOwner, []trafficrouting.Split{step(0, header("x-canary", "yes"))}))
				require.Less(t, time.Since(before), 2*time.Second)
			})
		}
	}
}

func BenchmarkCheckAmongManyRoutes(b *testing.B) {
	for name := range crowds {
		for _, class := range []string{"traefik", "envoy"} {
			b.Run(name+" on "+class, func(b *testing.B) {
				live := crowded(b, name, class)
				for b.Loop() {
					gatewayapi.HTTPRoute().Check(live, providertest.CheckoutOwner, []trafficrouting.Split{step(0, header("x-canary", "yes"))})
				}
			})
		}
	}
}
