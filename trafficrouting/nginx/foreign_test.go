package nginx_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/nginx"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

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
}

// TestStatesOfOthers: whatever becomes of the user's Ingresses, requests can be taken back, and what is not ours stays.
func TestStatesOfOthers(t *testing.T) {
	p, user := of(v1alpha1.FlavorIngressNginx), userIngresses()["one path"]
	split := matching(header("x-canary", "yes"))
	want := render(t, p, user, split)
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
	t.Run("a user's own canary Ingress is left alone", func(t *testing.T) {
		theirs := ingress("checkout-canary", `, annotations: {nginx.ingress.kubernetes.io/canary: "true"}`+spec(all("o.example.com", path("Prefix", "/", "beta"))))
		live := trafficrouting.Objects{Route: user.Route, Beside: []*unstructured.Unstructured{theirs}}
		require.Contains(t, render(t, p, live, split).Beside, theirs)
		require.Contains(t, render(t, p, live, trafficrouting.AllStable("checkout")).Beside, theirs)
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

// TestAnnotationsBesideDiffer: one canary Ingress stands for all, so that what it has of theirs must be the same.
func TestAnnotationsBesideDiffer(t *testing.T) {
	for annotation, want := range map[string]string{
		"affinity: cookie":     "has other annotations of the controller than Ingress shop/admin",
		`ssl-redirect: "true"`: "",
	} {
		live := trafficrouting.Objects{
			Route:  ingress("shop", `, annotations: {nginx.ingress.kubernetes.io/`+annotation+"}"+spec(all(host, path("Prefix", "/", "checkout")))),
			Beside: []*unstructured.Unstructured{ingress("admin", spec(all("other.example.com", path("Prefix", "/", "checkout"))))},
		}
		requireRefusal(t, want, of(v1alpha1.FlavorIngressNginx).Check(live, providertest.CheckoutOwner, []trafficrouting.Split{trafficrouting.Between("checkout", 100_000)}))
	}
}
