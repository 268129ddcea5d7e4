package nginx_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/nginx"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

// ingress is one as people write it.
func ingress(name, rest string) *unstructured.Unstructured {
	obj := &unstructured.Unstructured{}
	manifest := `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: ` + name + `, namespace: shop, uid: ` + name + `, generation: 2, labels: {app: shop}` + rest
	if err := yaml.Unmarshal([]byte(manifest), obj); err != nil {
		panic(manifest + err.Error())
	}
	return obj
}

func path(kind, at, service string) string {
	return "{path: " + at + ", pathType: " + kind + ", backend: {service: {name: " + service + ", port: {number: 80}}}}"
}

func spec(rules string) string { return "}\nspec: {ingressClassName: nginx, rules: [" + rules + "]}" }

func all(host, paths string) string { return "{host: " + host + ", http: {paths: [" + paths + "]}}" }

const host = "shop.example.com"

func of(flavor v1alpha1.Flavor) nginx.Ingress { return nginx.For(v1alpha1.RouteRef{Flavor: &flavor}) }

// userIngresses are routes with what is beside them.
func userIngresses() map[string]trafficrouting.Objects {
	alone := func(rest string) trafficrouting.Objects { return trafficrouting.Objects{Route: ingress("shop", rest)} }
	return map[string]trafficrouting.Objects{
		"one path":     alone(spec(all(host, path("Prefix", "/", "checkout")))),
		"without host": alone(spec("{http: {paths: [" + path("ImplementationSpecific", "/", "checkout") + "]}}")),
		"annotations, tls, and a class of old": alone(`, annotations: {kubernetes.io/ingress.class: nginx, nginx.ingress.kubernetes.io/rewrite-target: /,
  nginx.ingress.kubernetes.io/affinity: cookie, cert-manager.io/issuer: ca, argocd.argoproj.io/tracking-id: x, nginx.ingress.kubernetes.io/canary-weight: "3"}}
spec: {tls: [{hosts: [shop.example.com]}], rules: [` + all(host, path("Prefix", "/", "checkout")) + `]}`),
		"several paths, hosts and ports": alone(spec(all(host, path("Exact", "/api", "checkout")+", "+path("Prefix", "/shop", "checkout")) + ", " +
			all("other.example.com", path("Prefix", "/", "checkout")) + ", " +
			"{host: third.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: checkout, port: {name: web}}}}]}}")),
		"two Services": alone(spec(all(host, path("Prefix", "/cart", "cart")+", "+path("Prefix", "/shop", "checkout")))),
		"other Ingresses": {
			Route: ingress("shop", spec(all(host, path("Prefix", "/shop", "checkout")))),
			Beside: []*unstructured.Unstructured{
				ingress("admin", spec(all("other.example.com", path("Prefix", "/", "checkout")))),
				ingress("static", spec(all(host, path("Prefix", "/static", "static")))),
				ingress("elsewhere", "}\nspec: {ingressClassName: alb, rules: ["+all(host, path("Prefix", "/", "checkout"))+"]}"),
				ingress("theirs", `, annotations: {nginx.ingress.kubernetes.io/canary: "true", nginx.ingress.kubernetes.io/canary-weight: "30"}`+spec(all(host, path("Prefix", "/static", "beta")))),
			},
		},
	}
}

func requests() []providertest.Request {
	var out []providertest.Request
	for _, at := range []string{host, "other.example.com", "third.example.com"} {
		for _, path := range []string{"/", "/api", "/api/x", "/shop/1", "/cart", "/static"} {
			for _, headers := range []map[string]string{
				{},
				{"x-canary": "yes"},
				{"x-canary": "yesno"},
				{"x-canary": "always"},
				{"x-tenant": "a"},
				{"x-tenant": "bb"},
				{"x-tenant": "cab"},
				{"cookie": "group=always"},
				{"cookie": "a=b; group=always; c=d"},
				{"cookie": "group=alwaysnot"},
				{"cookie": "notgroup=always"},
				{"x-tenant": "c", "cookie": "group=always"},
			} {
				headers["host"] = at
				out = append(out, providertest.Request{Path: path, Method: "GET", Headers: headers})
			}
		}
	}
	return out
}

var edits = map[string]func(*unstructured.Unstructured){
	"a label":       func(r *unstructured.Unstructured) { r.SetLabels(map[string]string{"team": "shop"}) },
	"an annotation": func(r *unstructured.Unstructured) { r.SetAnnotations(map[string]string{"note": "<mine>"}) },
	"a new path": func(r *unstructured.Unstructured) {
		rules, _, _ := unstructured.NestedSlice(r.Object, "spec", "rules")
		added := ingress("added", spec(all("new.example.com", path("Prefix", "/", "checkout"))))
		more, _, _ := unstructured.NestedSlice(added.Object, "spec", "rules")
		_ = unstructured.SetNestedSlice(r.Object, append(more, rules...), "spec", "rules")
	},
	"an unknown field": func(r *unstructured.Unstructured) {
		_ = unstructured.SetNestedField(r.Object, "<&>", "spec", "futureField")
	},
}

// admit decodes strictly, and judges names, labels and annotations as the API server does; rules are the user's own, but
// for the Service.
func admit(obj *unstructured.Unstructured) error {
	text, err := yaml.Marshal(obj.Object)
	if err != nil {
		return err
	}
	typed := &networkingv1.Ingress{}
	if err := yaml.UnmarshalStrict(text, typed); err != nil {
		return err
	}
	typed.Generation = 0
	return validation.ValidateObjectMeta(&typed.ObjectMeta, true, validation.NameIsDNSSubdomain, field.NewPath("metadata")).ToAggregate()
}

// steps that tell requests in all the ways there are.
var steps = []v1alpha1.Step{
	{Weight: ptr.To(intstr.FromInt32(20)), Match: []v1alpha1.Match{
		{Headers: []v1alpha1.ValueMatch{{Name: "x-tenant", Regex: ptr.To("a|b+")}}},
		{Cookies: []v1alpha1.ValueMatch{{Name: "group", Exact: ptr.To("always")}}},
	}},
	{Match: []v1alpha1.Match{{Cookies: []v1alpha1.ValueMatch{{Name: "group", Exact: ptr.To("always")}}}}},
	{Weight: ptr.To(intstr.FromInt32(35)), Match: []v1alpha1.Match{{Headers: []v1alpha1.ValueMatch{{Name: "x-canary", Exact: ptr.To("always")}}}}},
}

var models = map[v1alpha1.Flavor]func(trafficrouting.Objects, providertest.Request) providertest.Shares{
	v1alpha1.FlavorIngressNginx: byIngressNginx, v1alpha1.FlavorTraefik: byTraefik, v1alpha1.FlavorHigress: byHigress,
}

func TestIngressContract(t *testing.T) {
	for flavor, serve := range models {
		t.Run(string(flavor), func(t *testing.T) {
			providertest.Run(t, of(flavor), providertest.Fixtures{
				Routes: userIngresses(), Requests: requests(), Serve: serve, Admit: admit, Edits: edits, More: steps, Best: trafficrouting.EvidenceWritten,
				Accept: func(live trafficrouting.Objects) trafficrouting.Objects { return live },
			})
		})
	}
}

func render(t *testing.T, p nginx.Ingress, live trafficrouting.Objects, splits ...trafficrouting.Split) trafficrouting.Objects {
	t.Helper()
	out, err := p.Render(live, providertest.CheckoutOwner, splits)
	require.NoError(t, err)
	return out
}
