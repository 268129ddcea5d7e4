package nginx_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/nginx"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

func matching(matches ...v1alpha1.Match) trafficrouting.Split {
	return trafficrouting.ForStep("checkout", v1alpha1.Step{Weight: ptr.To(intstr.FromInt32(10)), Match: matches})
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
	for name, c := range map[string]struct {
		split                          trafficrouting.Split
		ingressNginx, traefik, higress string
	}{
		"whole percent":             {split: trafficrouting.Between("checkout", 70_000)},
		"a fraction of a percent":   {trafficrouting.ForStep("checkout", v1alpha1.Step{Weight: &fraction}), "", "", "counts whole percent of a weight, and 0.5% is none"},
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
		"other annotations beside": {
			flavor: v1alpha1.FlavorIngressNginx, route: ingress("shop", annotated+`affinity: cookie}`+checkout),
			beside: []*unstructured.Unstructured{ingress("admin", spec(all("other.example.com", path("Prefix", "/", "checkout"))))},
			want:   "has other annotations of the controller than Ingress shop/admin",
		},
		"other annotations beside that mean nothing on a canary": {
			flavor: v1alpha1.FlavorIngressNginx, route: ingress("shop", annotated+`ssl-redirect: "true"}`+checkout),
			beside: []*unstructured.Unstructured{ingress("admin", spec(all("other.example.com", path("Prefix", "/", "checkout"))))},
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

// TestForeignChangesOfCanaryIngress: whatever somebody does to it, it is put right, and goes when the requests go back.
func TestForeignChangesOfCanaryIngress(t *testing.T) {
	p, user := of(v1alpha1.FlavorIngressNginx), userIngresses()["one path"]
	split := matching(header("x-canary", "yes"))
	want := render(t, p, user, split)
	for name, change := range map[string]func(*unstructured.Unstructured){
		"the weight": func(o *unstructured.Unstructured) {
			o.SetAnnotations(map[string]string{prefix + "canary": "true", prefix + "canary-weight": "90"})
		},
		"the annotations": func(o *unstructured.Unstructured) { o.SetAnnotations(nil) },
		"the label":       func(o *unstructured.Unstructured) { o.SetLabels(nil) },
		"a rule":          func(o *unstructured.Unstructured) { unstructured.RemoveNestedField(o.Object, "spec", "rules") },
		"another class": func(o *unstructured.Unstructured) {
			_ = unstructured.SetNestedField(o.Object, "x", "spec", "ingressClassName")
		},
	} {
		t.Run(name, func(t *testing.T) {
			live := trafficrouting.Objects{Route: user.Route, Beside: []*unstructured.Unstructured{want.Beside[0].DeepCopy()}}
			change(live.Beside[0])
			require.True(t, p.Observe(live, providertest.CheckoutOwner, []trafficrouting.Split{split}).Drifted)
			providertest.SameObjects(t, want, render(t, p, live, split))
			providertest.SameObjects(t, user, render(t, p, live, trafficrouting.AllStable("checkout")))
		})
	}
	t.Run("what others add stays", func(t *testing.T) {
		live := trafficrouting.Objects{Route: user.Route, Beside: []*unstructured.Unstructured{want.Beside[0].DeepCopy()}}
		live.Beside[0].SetAnnotations(map[string]string{"note": "mine", prefix + "ssl-redirect": "true", prefix + "canary": "true"})
		live.Beside[0].SetFinalizers([]string{"example.com/lb"})
		got := render(t, p, live, split).Beside[0]
		require.Equal(t, "mine", got.GetAnnotations()["note"])
		require.Equal(t, "true", got.GetAnnotations()[prefix+"ssl-redirect"])
		require.Equal(t, []string{"example.com/lb"}, got.GetFinalizers())
	})
	t.Run("the user's Ingress is going, or made a canary", func(t *testing.T) {
		for _, change := range []func(*unstructured.Unstructured){
			func(o *unstructured.Unstructured) { o.SetDeletionTimestamp(&metav1.Time{Time: time.Unix(1, 0)}) },
			func(o *unstructured.Unstructured) { o.SetAnnotations(map[string]string{prefix + "canary": "true"}) },
		} {
			going := trafficrouting.Objects{Route: user.Route.DeepCopy(), Beside: want.Beside}
			change(going.Route)
			require.Empty(t, render(t, p, going, trafficrouting.AllStable("checkout")).Beside)
		}
	})
	t.Run("a canary Ingress that finalizers keep still serves", func(t *testing.T) {
		kept := want.Beside[0].DeepCopy()
		kept.SetDeletionTimestamp(&metav1.Time{Time: time.Unix(1, 0)})
		kept.SetFinalizers([]string{"example.com/lb"})
		seen := p.Observe(trafficrouting.Objects{Route: user.Route, Beside: []*unstructured.Unstructured{kept}},
			providertest.CheckoutOwner, []trafficrouting.Split{trafficrouting.AllStable("checkout")})
		require.False(t, seen.InEffect)
		require.False(t, seen.Drifted, "it is deleted once")
		require.Contains(t, seen.Message, "kept by example.com/lb")
	})
	t.Run("a user's Ingress with our label is left alone", func(t *testing.T) {
		admin := labelled(ingress("admin", spec(all("other.example.com", path("Prefix", "/", "checkout")))))
		live := trafficrouting.Objects{Route: user.Route, Beside: []*unstructured.Unstructured{admin}}
		require.Contains(t, render(t, p, live, split).Beside, admin)
		out, err := p.Strip(live, providertest.CheckoutOwner)
		require.NoError(t, err)
		providertest.SameObjects(t, live, out)
	})
	t.Run("another class, which others have", func(t *testing.T) {
		other := ingress("other", strings.Replace(spec(all("o.example.com", path("Prefix", "/", "web"))), "nginx", "x", 1))
		live := trafficrouting.Objects{Route: user.Route, Beside: []*unstructured.Unstructured{want.Beside[0].DeepCopy(), other}}
		_ = unstructured.SetNestedField(live.Beside[0].Object, "x", "spec", "ingressClassName")
		providertest.SameObjects(t, trafficrouting.Objects{Route: user.Route, Beside: append([]*unstructured.Unstructured{other}, want.Beside...)}, render(t, p, live, split))
	})
	t.Run("the user's Ingress is gone", func(t *testing.T) {
		gone := trafficrouting.Objects{Beside: want.Beside}
		seen := p.Observe(gone, providertest.CheckoutOwner, []trafficrouting.Split{trafficrouting.AllStable("checkout")})
		require.True(t, seen.Drifted)
		require.Empty(t, seen.Rendered.Beside)
		require.Equal(t, int32(100_000), seen.CanaryPPM)
		require.True(t, p.Names(gone, "checkout-canary"))
		require.False(t, p.Observe(gone, providertest.CheckoutOwner, []trafficrouting.Split{split}).Drifted, "nothing to make it beside")
	})
}

func TestOtherPrefix(t *testing.T) {
	p := nginx.For(v1alpha1.RouteRef{Flavor: ptr.To(v1alpha1.FlavorIngressNginx), AnnotationPrefix: ptr.To("ingress.example.com")})
	made := render(t, p, userIngresses()["one path"], trafficrouting.Between("checkout", 5_000)).Beside[0]
	require.Equal(t, map[string]string{
		"ingress.example.com/canary": "true", "ingress.example.com/canary-weight": "5000", "ingress.example.com/canary-weight-total": "1000000",
	}, made.GetAnnotations())
}

// TestRoutesOfOneClassRenderAlike: two Ingresses of one Release have one canary Ingress between them.
func TestRoutesOfOneClassRenderAlike(t *testing.T) {
	p := of(v1alpha1.FlavorIngressNginx)
	old := ingress("old", `, annotations: {kubernetes.io/ingress.class: nginx, nginx.ingress.kubernetes.io/affinity: cookie}}
spec: {rules: [`+all("old.example.com", path("Prefix", "/", "checkout"))+`]}`)
	now := ingress("shop", `, annotations: {nginx.ingress.kubernetes.io/affinity: cookie}`+spec(all(host, path("Prefix", "/", "checkout"))))
	split := trafficrouting.Between("checkout", 100_000)
	one := render(t, p, trafficrouting.Objects{Route: old, Beside: []*unstructured.Unstructured{now}}, split)
	two := render(t, p, trafficrouting.Objects{Route: now, Beside: []*unstructured.Unstructured{old}}, split)
	providertest.SameJSON(t, one.Beside[1], two.Beside[1])
	require.Empty(t, p.Check(trafficrouting.Objects{Route: now, Beside: []*unstructured.Unstructured{old}}, providertest.CheckoutOwner, []trafficrouting.Split{split}))
	again := render(t, p, trafficrouting.Objects{Route: now, Beside: []*unstructured.Unstructured{old, one.Beside[1]}}, split)
	require.Empty(t, trafficrouting.Objects{Route: now, Beside: []*unstructured.Unstructured{old, one.Beside[1]}}.Changes(again))
}
