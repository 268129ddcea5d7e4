package suite_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/load"
	"crossfade.io/crossfade/e2e/suite/world"
)

// TestIngressPromoteBySteps shares requests by a canary Ingress beside the user's, which can tell one value of a cookie alone. It is
// for soak.
func TestIngressPromoteBySteps(t *testing.T) {
	t.Parallel()
	promoteByQuarters(t, setting{kind: "Ingress", gateway: 80}, "always")
}

// TestSeveralKindsTogether releases through an HTTPRoute and an Ingress at once: the share is in effect on both.
func TestSeveralKindsTogether(t *testing.T) {
	t.Parallel()
	for name, ends := range map[string]func(*scenario){"Promoted": promotedFromHalf, "Aborted": waysBack["Aborted"]} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := world.App{Host: hostOf(t)}
			s := begin(t, setting{
				beside: []string{"Ingress"}, steps: []v1alpha1.Step{world.Weighted("half", 50, approval())},
				extra: []load.Target{{Name: "beside", Host: app.BesideHost(), Rate: 30}},
			})
			s.ship("v2")
			step := s.awaitStep(1, "half")
			s.awaitRequests(step.StartedAt.Time, 1500)
			sent := s.records().Between(step.StartedAt.Time, time.Now())
			s.requireShare("half, HTTPRoute", gatewayOnly(sent), "v2", 0.5, 200)
			s.requireShare("half, Ingress", sent.Of("beside"), "v2", 0.5, 200)
			ends(s)
		})
	}
}

// guarded is another Ingress of the class that uses the Service, which asks for a password.
func guarded(app world.App) (*corev1.Secret, *networkingv1.Ingress) {
	const name = "guarded"
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: app.Namespace, Name: name},
		StringData: map[string]string{"auth": "user:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="},
	}
	prefix := networkingv1.PathTypePrefix
	ingress := &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: app.Namespace, Name: name, Annotations: map[string]string{
			"nginx.ingress.kubernetes.io/auth-type": "basic", "nginx.ingress.kubernetes.io/auth-secret": name,
		}},
		Spec: networkingv1.IngressSpec{
			IngressClassName: ptr.To("nginx"),
			Rules: []networkingv1.IngressRule{{
				Host: "guarded." + app.Host,
				IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{
					Path: "/", PathType: &prefix,
					Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
						Name: world.AppName, Port: networkingv1.ServiceBackendPort{Number: int32(app.Port())},
					}},
				}}}},
			}},
		},
	}
	return secret, ingress
}

// TestIngressKeepsAuthentication: by no way that a release adds is a request let through without its password, on an
// Ingress that the Rollout need not even name.
func TestIngressKeepsAuthentication(t *testing.T) {
	t.Parallel()
	s := begin(t, setting{kind: "Ingress", steps: []v1alpha1.Step{
		{Name: "insiders", Weight: ptr.To(intstr.FromInt32(25)), Match: matching("always"), Hold: approval()},
	}})
	secret, ingress := guarded(s.app)
	s.create(secret)
	s.create(ingress)
	s.ship("v2")
	s.awaitStep(1, "insiders")

	var targets []load.Target
	for name, as := range map[string]load.Target{
		"plain":  {},
		"header": {Headers: map[string]string{"x-canary": "yes"}},
		"cookie": {Cookies: map[string]string{"group": "always"}},
	} {
		as.URL, as.Host, as.Rate = s.app.URL(world.GatewayAddress), ingress.Spec.Rules[0].Host, 20
		without, with := as, as
		without.Name, with.Name = name+" without password", name
		with.Headers = withPassword(as.Headers)
		targets = append(targets, without, with)
	}
	asked, err := shared.StartLoad(s.node, t.TempDir(), targets...)
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = asked.Stop() })
	var records load.Records
	s.eventually(soon, "requests with and without password", func() (string, bool) {
		records, err = asked.Records()
		require.NoError(t, err)
		return "", len(records) >= 100*len(targets)
	})
	for _, record := range records {
		want := http.StatusUnauthorized
		if record.Target == "plain" || record.Target == "header" || record.Target == "cookie" {
			want = http.StatusOK
		}
		require.Equal(t, want, record.Status, record.Target)
	}
	s.requireShare("guarded, header", records.Of("header"), "v2", 1, 90)
	s.requireShare("guarded, cookie", records.Of("cookie"), "v2", 1, 90)
	s.requireShare("guarded, plain", records.Of("plain"), "v2", 0.25, 90)
	s.approve(1, "insiders")
	s.awaitOutcome(1, v1alpha1.OutcomePromoted)
	s.requireNoneFailed()
}
