package nginx_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

func matching(matches ...v1alpha1.Match) trafficrouting.Split {
	return providertest.ForStep("checkout", v1alpha1.Step{Weight: ptr.To(intstr.FromInt32(10)), Match: matches})
}

func header(name, exact string) v1alpha1.Match {
	return v1alpha1.Match{Headers: []v1alpha1.ValueMatch{{Name: name, Exact: &exact}}}
}

func headerLike(name, regex string) v1alpha1.Match {
	return v1alpha1.Match{Headers: []v1alpha1.ValueMatch{{Name: name, Regex: &regex}}}
}

func cookieOf(name, exact string) v1alpha1.Match {
	return v1alpha1.Match{Cookies: []v1alpha1.ValueMatch{{Name: name, Exact: &exact}}}
}

// TestWhatAFlavorCannotDo has the sentences that people see; "" means that the flavor can.
func TestWhatAFlavorCannotDo(t *testing.T) {
	both := header("x-canary", "yes")
	both.Cookies = cookieOf("group", "always").Cookies
	two := header("x-canary", "yes")
	two.Headers = append(two.Headers, header("x-tenant", "a").Headers...)
	fraction := intstr.FromString("0.5%")
	const plugins = "plugins which are bound to an Ingress by its name, authentication among them"
	const altered = "take requestHeaders, mirror and stickiness out"
	for name, c := range map[string]struct {
		split                          trafficrouting.Split
		ingressNginx, traefik, higress string
	}{
		"whole percent":             {split: trafficrouting.Between("checkout", 70_000)},
		"a fraction of a percent":   {providertest.ForStep("checkout", v1alpha1.Step{Weight: &fraction}), "", "", "counts whole percent of a weight, and 0.5% is none"},
		"a header":                  {matching(header("x-canary", "yes")), "", "", plugins},
		"a header by regex":         {matching(headerLike("x-canary", "y|yes+")), "", "", plugins},
		"a cookie that says always": {matching(cookieOf("group", "always")), "", "", plugins},
		"header or cookie":          {matching(header("x-canary", "yes"), cookieOf("group", "always")), "", "", plugins},
		"header and cookie":         {matching(both), "several headers and cookies at once", "several headers and cookies at once", plugins},
		"two headers at once":       {matching(two), "several headers and cookies at once", "several headers and cookies at once", plugins},
		"one of two headers":        {matching(header("x-canary", "yes"), header("x-tenant", "a")), "one header and one cookie", "one header and one cookie", plugins},
		"one of two cookies":        {matching(cookieOf("a", "always"), cookieOf("b", "always")), "one header and one cookie", "one header and one cookie", plugins},
		"a cookie's other value":    {matching(cookieOf("group", "insider")), `knows the value "always" alone`, `knows the value "always" alone`, plugins},
		"a cookie by regex":         {matching(v1alpha1.Match{Cookies: []v1alpha1.ValueMatch{{Name: "group", Regex: ptr.To("always")}}}), "use exact: always", "use exact: always", plugins},
		"a cookie with a bar":       {matching(cookieOf("a|b", "always")), "admits letters, digits", "", plugins},
		"a query parameter":         {matching(v1alpha1.Match{QueryParams: []v1alpha1.ValueMatch{{Name: "v", Exact: ptr.To("2")}}}), "queryParams", "queryParams", plugins},
		"a method":                  {matching(v1alpha1.Match{Method: ptr.To("GET")}), "match method", "match method", plugins},
		"a name with an underscore": {matching(header("x_canary", "yes")), "drops headers", "", plugins},
		"a value with other signs":  {matching(header("x-canary", "a,b")), "admits letters, digits", "", plugins},
		"a value to be quoted":      {matching(header("x-canary", "a+b")), "", "", plugins},
		"a regex with other signs":  {matching(headerLike("x-canary", "a b")), "admits letters, digits", "", plugins},
		"a regex that is none":      {matching(headerLike("x-canary", "(")), "use RE2 syntax", "use RE2 syntax", plugins},
		"nothing of the Service":    {trafficrouting.Between("cart", 10), "no rule names Service cart", "no rule names Service cart", "no rule names Service cart"},
		"a header that is changed":  {providertest.ForStep("checkout", v1alpha1.Step{Match: []v1alpha1.Match{header("x-canary", "yes")}, RequestHeaders: &v1alpha1.HeaderModifier{Remove: []string{"x"}}}), altered, altered, altered},
		"copies":                    {providertest.ForStep("checkout", v1alpha1.Step{Mirror: &v1alpha1.Mirror{}}), altered, altered, altered},
		"users who are kept":        {trafficrouting.ForStep("checkout", v1alpha1.Strategy{Stickiness: &v1alpha1.Stickiness{Cookie: "lane"}}, v1alpha1.Step{Weight: &fraction}, "shop-1"), altered, altered, altered},
		"a match with a share of its own": {trafficrouting.Split{
			Base:   trafficrouting.Backend{Service: "checkout"},
			Shares: trafficrouting.AllStable("checkout").Shares,
			Rules:  []trafficrouting.MatchRule{{AnyOf: []v1alpha1.Match{header("a", "b")}, To: trafficrouting.Between("checkout", 500_000).Shares}},
		}, "one Service; give it one", "one Service; give it one", "one Service; give it one"},
	} {
		for flavor, want := range map[v1alpha1.Flavor]string{
			v1alpha1.FlavorIngressNginx: c.ingressNginx, v1alpha1.FlavorTraefik: c.traefik, v1alpha1.FlavorHigress: c.higress,
		} {
			t.Run(string(flavor)+", "+name, func(t *testing.T) {
				requireRefusal(t, want, of(flavor).Check(userIngresses()["one path"], providertest.CheckoutOwner, []trafficrouting.Split{c.split}))
			})
		}
	}
}

func requireRefusal(t *testing.T, want, got string) {
	t.Helper()
	if want == "" {
		require.Empty(t, got)
		return
	}
	require.Contains(t, got, want)
	require.Contains(t, got, "; ", "it names the mend")
}

func TestIngressesThatCannotBeSplit(t *testing.T) {
	const annotated = `, annotations: {nginx.ingress.kubernetes.io/`
	checkout := spec(all(host, path("Prefix", "/", "checkout")))
	weight := trafficrouting.Between("checkout", 100_000)
	ours := ingress("checkout-canary-nginx", checkout)
	for name, c := range map[string]struct {
		flavor v1alpha1.Flavor
		route  *unstructured.Unstructured
		beside []*unstructured.Unstructured
		split  trafficrouting.Split
		want   string
	}{
		"no flavor":          {route: ingress("shop", checkout), want: "say IngressNginx, Traefik or Higress"},
		"none":               {flavor: v1alpha1.FlavorTraefik, want: "does not exist; create it"},
		"a canary itself":    {flavor: v1alpha1.FlavorTraefik, route: ingress("shop", annotated+`canary: "true"}`+checkout), want: "is a canary Ingress itself"},
		"tls passed through": {flavor: v1alpha1.FlavorTraefik, route: ingress("shop", annotated+`ssl-passthrough: "true"}`+checkout), want: "passes TLS through"},
		"default backend": {
			flavor: v1alpha1.FlavorIngressNginx,
			route:  ingress("shop", "}\nspec: {ingressClassName: nginx, defaultBackend: {service: {name: checkout, port: {number: 80}}}}"),
			want:   "as its defaultBackend",
		},
		"the canary Service named by hand": {
			flavor: v1alpha1.FlavorTraefik, route: ingress("shop", spec(all(host, path("Prefix", "/", "checkout")+", "+path("Prefix", "/new", "checkout-canary")))),
			want: "names Service checkout-canary by its own hand",
		},
		"the canary Service named beside": {
			flavor: v1alpha1.FlavorTraefik, route: ingress("shop", checkout),
			beside: []*unstructured.Unstructured{ingress("preview", spec(all("new.example.com", path("Prefix", "/", "checkout-canary"))))},
			want:   "Ingress shop/preview names Service checkout-canary by its own hand",
		},
		"a canary of somebody else's": {
			flavor: v1alpha1.FlavorTraefik, route: ingress("shop", checkout),
			beside: []*unstructured.Unstructured{ingress("beta", annotated+`canary: "true"}`+spec(all(host, path("Prefix", "/", "beta"))))},
			want:   "Ingress shop/beta is a canary for path shop.example.com/ of Service checkout already",
		},
		"a canary of somebody else's, called as ours": {
			flavor: v1alpha1.FlavorTraefik, route: ingress("shop", checkout),
			beside: []*unstructured.Unstructured{ingress("checkout-canary", annotated+`canary: "true"}`+spec(all(host, path("Prefix", "/", "beta"))))},
			want:   "Ingress shop/checkout-canary is a canary for path shop.example.com/ of Service checkout already",
		},
		"a canary of another class": {
			flavor: v1alpha1.FlavorTraefik, route: ingress("shop", checkout),
			beside: []*unstructured.Unstructured{ingress("beta", annotated+`canary: "true"}`+strings.Replace(spec(all(host, path("Prefix", "/", "beta"))), "nginx", "other", 1))},
		},
		"the canary Ingress's name is taken": {
			flavor: v1alpha1.FlavorTraefik, route: ingress("shop", checkout), beside: []*unstructured.Unstructured{ours},
			want: "Ingress checkout-canary-nginx exists and is not this Rollout's; rename or delete it",
		},
		"a path that another Service has": {
			flavor: v1alpha1.FlavorIngressNginx, route: ingress("shop", checkout),
			beside: []*unstructured.Unstructured{ingress("cart", spec(all(host, path("Prefix", "/", "cart"))))},
			want:   "path shop.example.com/ belongs to Service checkout and, in another rule of the class, to Service cart",
		},
		"no path": {
			flavor: v1alpha1.FlavorIngressNginx,
			route:  ingress("shop", spec("{host: "+host+", http: {paths: [{pathType: ImplementationSpecific, backend: {service: {name: checkout, port: {number: 80}}}}]}}")),
			want:   "in a rule without path",
		},
		"a canary by another spelling": {
			flavor: v1alpha1.FlavorHigress, route: ingress("shop", checkout),
			beside: []*unstructured.Unstructured{ingress("beta", `, annotations: {higress.io/canary: "True"}`+spec(all(host, path("Prefix", "/", "beta"))))},
			want:   "Ingress shop/beta is a canary for path",
		},
		"a user's Ingress with our label": {
			flavor: v1alpha1.FlavorTraefik, route: ingress("shop", checkout), beside: []*unstructured.Unstructured{labelled(ingress("admin", spec(all("other.example.com", path("Prefix", "/", "checkout")))))},
			want: "Ingress shop/admin has the label crossfade.io/rollout",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if len(c.split.Shares) == 0 {
				c.split = weight
			}
			live := trafficrouting.Objects{Route: c.route, Beside: c.beside}
			requireRefusal(t, c.want, of(c.flavor).Check(live, providertest.CheckoutOwner, []trafficrouting.Split{c.split}))
		})
	}
}

// labelled has the label of what Crossfade made.
func labelled(obj *unstructured.Unstructured) *unstructured.Unstructured {
	obj.SetLabels(map[string]string{v1alpha1.LabelRollout: providertest.CheckoutOwner.Name})
	return obj
}

var byHeader = matching(header("x-canary", "yes"))

// TestWhatALongerRuleWouldTake: the texts of rules decide with Traefik, so that a match may win over another Service's rule.
func TestWhatALongerRuleWouldTake(t *testing.T) {
	const annotated = `, annotations: {nginx.ingress.kubernetes.io/`
	checkoutAtRoot := spec(all(host, path("Prefix", "/", "checkout")))
	weight := trafficrouting.Between("checkout", 100_000)
	for name, c := range map[string]struct {
		route  *unstructured.Unstructured
		beside []*unstructured.Unstructured
		split  trafficrouting.Split
		want   string
	}{
		"a match that would take from another Service": {
			split: byHeader,
			route: ingress("shop", spec(all(host, path("Prefix", "/", "checkout")+", "+path("Prefix", "/cart", "cart")))),
			want:  "a match for path shop.example.com/ would take requests from path shop.example.com/cart of Service cart",
		},
		"a match that would take from another host": {
			split: byHeader, route: ingress("shop", spec("{http: {paths: ["+path("Prefix", "/", "checkout")+"]}}")),
			beside: []*unstructured.Unstructured{ingress("cart", spec(all("cart.example.com", path("Prefix", "/", "cart"))))},
			want:   "would take requests from path cart.example.com/ of Service cart",
		},
		"a match for an exact path beside the same as prefix": {
			split: byHeader,
			route: ingress("shop", spec(all(host, path("Exact", "/api", "checkout")+", "+path("Prefix", "/api", "cart")))),
			want:  "would take requests from path shop.example.com/api of Service cart",
		},
		"a match beside expressions": {
			split: byHeader,
			route: ingress("shop", annotated+`use-regex: "true"}`+spec(all(host, path("ImplementationSpecific", "/shop", "checkout")+", "+path("ImplementationSpecific", "/.*", "web")))),
			want:  "would take requests from path shop.example.com/.* of Service web",
		},
		"a match that would take from another class": {
			split: byHeader, route: ingress("shop", checkoutAtRoot),
			beside: []*unstructured.Unstructured{ingress("api", strings.Replace(spec(all(host, path("Prefix", "/api", "checkout"))), "nginx", "other", 1))},
			want:   "would take requests from path shop.example.com/api of Service checkout",
		},
		"a match beside an unlike path": {
			split: byHeader,
			route: ingress("shop", spec(all(host, path("Prefix", "/shop", "checkout")+", "+path("Prefix", "/cart", "cart")+", "+path("Prefix", "/", "web")))),
		},
		"a weight beside a special path": {
			split: weight, route: ingress("shop", spec(all(host, path("Prefix", "/", "checkout")+", "+path("Prefix", "/cart", "cart")))),
		},
	} {
		t.Run(name, func(t *testing.T) {
			live := trafficrouting.Objects{Route: c.route, Beside: c.beside}
			requireRefusal(t, c.want, of(v1alpha1.FlavorTraefik).Check(live, providertest.CheckoutOwner, []trafficrouting.Split{c.split}))
		})
	}
}

// TestWhatTraefikWouldTake shows that the refusal of such a match is no caution alone, and what becomes of one that was right
// when the Release began.
func TestWhatTraefikWouldTake(t *testing.T) {
	live := trafficrouting.Objects{Route: ingress("shop", spec(all(host, path("Prefix", "/", "checkout")+", "+path("Prefix", "/cart", "cart"))))}
	split := render(t, of(v1alpha1.FlavorIngressNginx), live, byHeader)
	toCart := providertest.Request{Path: "/cart", Headers: map[string]string{"host": host, "x-canary": "yes"}}
	require.Equal(t, providertest.Visible(only("cart|80")), providertest.Visible(byTraefik(live, toCart)))
	require.Equal(t, providertest.Visible(only("checkout-canary|80")), providertest.Visible(byTraefik(split, toCart)))
	require.Equal(t, providertest.Visible(only("cart|80")), providertest.Visible(byIngressNginx(split, toCart)))

	p := of(v1alpha1.FlavorTraefik)
	withoutMatch := render(t, p, split, byHeader)
	require.Equal(t, providertest.Visible(only("cart|80")), providertest.Visible(byTraefik(withoutMatch, toCart)))
	seen := p.Observe(withoutMatch, providertest.CheckoutOwner, []trafficrouting.Split{byHeader})
	require.False(t, seen.Drifted)
	require.False(t, seen.InEffect)
	require.Contains(t, seen.Message, "would take requests from path shop.example.com/cart of Service cart")
	require.Equal(t, int32(100_000), seen.CanaryPPM)
}
