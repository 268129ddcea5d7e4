package release_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/apis/v1alpha1"
)

const deploymentYAML = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: checkout
  namespace: shop
  labels: {crossfade.io/rollout: checkout, team: payments}
spec:
  replicas: %d
  minReadySeconds: %d
  revisionHistoryLimit: 10
  progressDeadlineSeconds: 600
  strategy: {type: RollingUpdate, rollingUpdate: {%s}}
  selector: {matchLabels: {app: checkout}}
  template:
    metadata: {labels: {app: checkout}}
    spec: {containers: [{name: app, image: "checkout:1"}]}
`

const serviceYAML = `
apiVersion: v1
kind: Service
metadata: {name: %s, namespace: shop}
spec:
  type: ClusterIP
  clusterIP: 10.0.0.1
  ports: [{name: http, port: 80, targetPort: 8080}]
  selector: {app: checkout}
`

const routeYAML = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: checkout, namespace: shop}
spec:
  parentRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: web}]
  rules:
  - matches: [{path: {type: PathPrefix, value: /}}]
    backendRefs: [{group: "", kind: Service, name: checkout, port: 80, weight: 1}]
`

const twoServicesRouteYAML = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: checkout, namespace: shop}
spec:
  parentRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: web}]
  rules:
  - matches: [{path: {type: PathPrefix, value: /admin}}]
    backendRefs: [{group: "", kind: Service, name: checkout-admin, port: 80, weight: 1}]
  - matches: [{path: {type: PathPrefix, value: /}}]
    backendRefs: [{group: "", kind: Service, name: checkout, port: 80, weight: 1}]
`

const policyYAML = `
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: checkout, namespace: shop}
spec:
  targetRefs: [{group: "", kind: Service, name: checkout}]
  validation: {hostname: checkout.internal, wellKnownCACertificates: System}
`

const ingressYAML = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: checkout, namespace: shop}
spec:
  ingressClassName: nginx
  rules:
  - host: shop.example.com
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: checkout, port: {number: 80}}}}]}
`

// options of a world; what is left out is usual.
type options struct {
	replicas, minReady int
	services           []string
	route              string
	// ingress: the route is an Ingress instead.
	ingress bool
	// tls: the gateway is to call the Service over TLS.
	tls      bool
	steps    []v1alpha1.Step
	deadline time.Duration
	// bounds are the user's own of a native rolling update.
	bounds string
	// change makes the policy another than the usual one.
	change func(*v1alpha1.RolloutSpec)
}

func (o options) withDefaults() options {
	if o.replicas == 0 {
		o.replicas = 4
	}
	if len(o.services) == 0 {
		o.services, o.route = []string{"checkout"}, routeYAML
	}
	if o.route == "" {
		o.route = twoServicesRouteYAML
	}
	if o.ingress {
		o.route = ingressYAML
	}
	if len(o.steps) == 0 {
		o.steps = []v1alpha1.Step{weigh("ten", 10, holdFor(time.Minute)), weigh("half", 50, approval())}
	}
	if o.bounds == "" {
		o.bounds = "maxSurge: 25%, maxUnavailable: 25%"
	}
	if o.deadline == 0 {
		o.deadline = 10 * time.Minute
	}
	return o
}

func (o options) policy() v1alpha1.RolloutSpec {
	p := v1alpha1.RolloutSpec{
		WorkloadRef:      v1alpha1.WorkloadRef{Group: "apps", Kind: "Deployment", Name: "checkout"},
		RouteRefs:        []v1alpha1.RouteRef{{Group: "gateway.networking.k8s.io", Kind: "HTTPRoute", Name: "checkout"}},
		Strategy:         v1alpha1.Strategy{Steps: o.steps},
		ProgressDeadline: long(o.deadline),
		Timing:           v1alpha1.Timing{Drain: long(30 * time.Second), CollapseAfter: long(5 * time.Second)},
	}
	if o.ingress {
		p.RouteRefs = []v1alpha1.RouteRef{{Group: "networking.k8s.io", Kind: kindIngress, Name: "checkout", Flavor: ptr.To(v1alpha1.FlavorIngressNginx)}}
	}
	for _, name := range o.services {
		p.ServiceRefs = append(p.ServiceRefs, v1alpha1.ServiceRef{Name: name})
	}
	if o.change != nil {
		o.change(&p)
	}
	return p
}

func long(d time.Duration) *v1alpha1.Duration {
	return &v1alpha1.Duration{Duration: metav1.Duration{Duration: d}}
}

func holdFor(d time.Duration) *v1alpha1.Hold { return &v1alpha1.Hold{For: long(d)} }

func approval() *v1alpha1.Hold { return &v1alpha1.Hold{Approval: ptr.To("Required")} }

func confident() *v1alpha1.Hold { return &v1alpha1.Hold{Until: ptr.To("Confident")} }

func confidentWithin(d time.Duration, onTimeout string) *v1alpha1.Hold {
	return &v1alpha1.Hold{Until: ptr.To("Confident"), AtMost: long(d), OnTimeout: &onTimeout}
}

func weigh(name string, percent int32, hold *v1alpha1.Hold) v1alpha1.Step {
	return v1alpha1.Step{Name: name, Weight: ptr.To(intstr.FromInt32(percent)), Hold: hold}
}

func matching(name string, replicas int32, hold *v1alpha1.Hold) v1alpha1.Step {
	return v1alpha1.Step{
		Name: name, Replicas: ptr.To(intstr.FromInt32(replicas)), Hold: hold,
		Match: []v1alpha1.Match{{Headers: []v1alpha1.ValueMatch{{Name: "x-canary", Exact: ptr.To("yes")}}}},
	}
}

// parse reads a manifest as the API server decodes it.
func parse(t testing.TB, manifest string) *unstructured.Unstructured {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(manifest))
	require.NoError(t, err)
	obj := &unstructured.Unstructured{}
	require.NoError(t, obj.UnmarshalJSON(raw))
	return obj
}

// templateOf is an object's template, not copied.
func templateOf(obj *unstructured.Unstructured) map[string]any {
	field, _, _ := unstructured.NestedFieldNoCopy(obj.Object, "spec", "template")
	template, _ := field.(map[string]any)
	return template
}

func imageOf(template map[string]any) string {
	field, _, _ := unstructured.NestedFieldNoCopy(template, "spec", "containers")
	containers, _ := field.([]any)
	if len(containers) == 0 {
		return ""
	}
	image, _ := containers[0].(map[string]any)["image"].(string)
	return image
}

func setImage(template map[string]any, image string) {
	containers := template["spec"].(map[string]any)["containers"].([]any)
	containers[0].(map[string]any)["image"] = image
}

func percent(of string) *intstr.IntOrString { return ptr.To(intstr.FromString(of)) }
