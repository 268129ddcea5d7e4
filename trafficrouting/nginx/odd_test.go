package nginx_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

// TestServiceUpstream: the canary is called as stable is, by the Service's own address.
func TestServiceUpstream(t *testing.T) {
	user := trafficrouting.Objects{Route: ingress("shop", `, annotations: {nginx.ingress.kubernetes.io/service-upstream: "true"}`+spec(all(host, path("Prefix", "/", "checkout"))))}
	p := of(v1alpha1.FlavorIngressNginx)
	split := []trafficrouting.Split{trafficrouting.Between("checkout", 100_000)}
	require.Empty(t, p.Check(user, providertest.CheckoutOwner, split))
	out, err := p.Render(user, providertest.CheckoutOwner, split)
	require.NoError(t, err)
	require.Equal(t, "true", out.Beside[0].GetAnnotations()["nginx.ingress.kubernetes.io/service-upstream"])
}

// TestAlikeClasses: two classes whose names are alike once they are fit for a name have a canary Ingress each.
func TestAlikeClasses(t *testing.T) {
	p := of(v1alpha1.FlavorIngressNginx)
	a := ingress("a", "}\nspec: {ingressClassName: nginx.internal, rules: ["+all(host, path("Prefix", "/", "checkout"))+"]}")
	b := ingress("b", "}\nspec: {ingressClassName: nginx-internal, rules: ["+all("other.example.com", path("Prefix", "/", "checkout"))+"]}")
	split := []trafficrouting.Split{trafficrouting.Between("checkout", 100_000)}
	live := trafficrouting.Objects{Route: a, Beside: []*unstructured.Unstructured{b}}
	require.Empty(t, p.Check(live, providertest.CheckoutOwner, split))
	one, err := p.Render(live, providertest.CheckoutOwner, split)
	require.NoError(t, err)
	var made *unstructured.Unstructured
	for _, o := range one.Beside {
		if o.GetName() != "b" {
			made = o
		}
	}
	two, err := p.Render(trafficrouting.Objects{Route: b, Beside: []*unstructured.Unstructured{a, made}}, providertest.CheckoutOwner, split)
	require.NoError(t, err)
	require.Len(t, two.Beside, 3, "the canary Ingress of the other class stays")
}

// TestUnbalancedRegex: brackets that close ours would make another expression of it.
func TestUnbalancedRegex(t *testing.T) {
	p := of(v1alpha1.FlavorIngressNginx)
	user := trafficrouting.Objects{Route: ingress("shop", spec(all(host, path("Prefix", "/", "checkout"))))}
	expr := "yes)|(no"
	s := providertest.ForStep("checkout", v1alpha1.Step{Match: []v1alpha1.Match{{Headers: []v1alpha1.ValueMatch{{Name: "x", Regex: &expr}}}}})
	require.NotEmpty(t, p.Check(user, providertest.CheckoutOwner, []trafficrouting.Split{s}))
}
