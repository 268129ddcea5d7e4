package trafficrouting_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

func service(t *testing.T, manifest string) *unstructured.Unstructured {
	t.Helper()
	text, err := yaml.YAMLToJSON([]byte(manifest))
	require.NoError(t, err)
	out := &unstructured.Unstructured{}
	require.NoError(t, out.UnmarshalJSON(text))
	return out
}

const userService = `
apiVersion: v1
kind: Service
metadata:
  name: checkout
  namespace: shop
  uid: 1234
  resourceVersion: "7"
  labels: {app: checkout, app.kubernetes.io/instance: shop, argocd.argoproj.io/instance: shop, kustomize.toolkit.fluxcd.io/name: apps}
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: "{}"
    argocd.argoproj.io/tracking-id: x
    external-dns.alpha.kubernetes.io/hostname: shop.example.com
    traefik.ingress.kubernetes.io/service.sticky.cookie: "true"
spec:
  type: LoadBalancer
  clusterIP: 10.0.0.1
  clusterIPs: [10.0.0.1]
  externalTrafficPolicy: Local
  healthCheckNodePort: 30001
  allocateLoadBalancerNodePorts: true
  internalTrafficPolicy: Cluster
  sessionAffinity: ClientIP
  sessionAffinityConfig: {clientIP: {timeoutSeconds: 60}}
  selector: {app: checkout}
  ports:
  - {name: http, port: 80, targetPort: web, protocol: TCP, appProtocol: kubernetes.io/h2c, nodePort: 30000}
status: {loadBalancer: {ingress: [{ip: 1.2.3.4}]}}`

func TestCanaryService(t *testing.T) {
	t.Run("is like the user's in all that callers see", func(t *testing.T) {
		want := service(t, `
apiVersion: v1
kind: Service
metadata:
  name: checkout-canary
  namespace: shop
  labels: {app: checkout, app.kubernetes.io/instance: shop, crossfade.io/rollout: checkout}
  annotations: {traefik.ingress.kubernetes.io/service.sticky.cookie: "true"}
  ownerReferences: [{apiVersion: v1, kind: Service, name: checkout, uid: "1234", controller: false, blockOwnerDeletion: false}]
spec:
  type: ClusterIP
  internalTrafficPolicy: Cluster
  sessionAffinity: ClientIP
  sessionAffinityConfig: {clientIP: {timeoutSeconds: 60}}
  selector: {app: checkout, pod-template-hash: abc}
  ports:
  - {name: http, port: 80, targetPort: web, protocol: TCP, appProtocol: kubernetes.io/h2c}`)
		user := service(t, userService)
		user.SetUID("1234")
		before := user.DeepCopy()
		providertest.SameJSON(t, want, trafficrouting.CanaryService(user, "checkout", "abc"))
		providertest.SameJSON(t, before, user, "the user's is not touched")
	})
	t.Run("is the same while the user's is pinned", func(t *testing.T) {
		user := service(t, userService)
		pinned := trafficrouting.PinTo(user, "checkout", "stable")
		providertest.SameJSON(t, trafficrouting.CanaryService(user, "checkout", "abc"), trafficrouting.CanaryService(pinned, "checkout", "abc"))
	})
	t.Run("of a headless Service is headless", func(t *testing.T) {
		user := service(t, `{apiVersion: v1, kind: Service, metadata: {name: c, namespace: shop}, spec: {clusterIP: None, clusterIPs: [None], selector: {app: c}}}`)
		spec := trafficrouting.CanaryService(user, "c", "abc").Object["spec"].(map[string]any)
		require.Equal(t, "None", spec["clusterIP"])
		require.NotContains(t, spec, "clusterIPs")
	})
}

func TestPin(t *testing.T) {
	for name, manifest := range map[string]string{
		"a Service with labels": userService,
		"a Service without":     `{apiVersion: v1, kind: Service, metadata: {name: c, namespace: shop}, spec: {selector: {app: c}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			user := service(t, manifest)
			require.Empty(t, trafficrouting.PinnedTo(user))
			pinned := trafficrouting.PinTo(user, "checkout", "abc")
			require.Equal(t, "abc", trafficrouting.PinnedTo(pinned))
			require.Equal(t, "checkout", pinned.GetLabels()["crossfade.io/pinned"])
			require.Empty(t, trafficrouting.PinnedTo(user), "the argument stays as it is")
			moved := trafficrouting.PinTo(pinned, "checkout", "def")
			require.Equal(t, "def", trafficrouting.PinnedTo(moved))
			providertest.SameJSON(t, user, trafficrouting.Unpin(moved))
			providertest.SameJSON(t, user, trafficrouting.Unpin(user), "nothing to take off")
			moved.SetLabels(user.GetLabels())
			providertest.SameJSON(t, user, trafficrouting.Unpin(moved), "a label that somebody took away does not leave the pin behind")
		})
	}
}

func TestServiceRefusal(t *testing.T) {
	pods := map[string]string{"app": "checkout", "tier": "web"}
	const plain = `{apiVersion: v1, kind: Service, metadata: {name: checkout, namespace: shop}, spec: {selector: {app: checkout}}}`
	cases := map[string]struct {
		svc, existing string
		others        []trafficrouting.Neighbour
		want          string
	}{
		"a Service of the workload alone is fine": {svc: plain},
		"our own canary Service is fine":          {svc: plain, existing: `{metadata: {name: checkout-canary, labels: {crossfade.io/rollout: checkout}}}`},
		"our own pin is fine": {
			svc: `{metadata: {name: checkout, namespace: shop, labels: {crossfade.io/pinned: checkout}}, spec: {selector: {app: checkout, pod-template-hash: a}}}`,
		},
		"a neighbour with other labels is fine": {svc: plain, others: []trafficrouting.Neighbour{{Name: "Deployment cart", PodLabels: map[string]string{"app": "cart"}}}},
		"no Service":                            {want: "does not exist; create it"},
		"ExternalName":                          {svc: `{metadata: {name: checkout, namespace: shop}, spec: {type: ExternalName, externalName: x}}`, want: "ExternalName and has no pods; name a Service"},
		"no selector":                           {svc: `{metadata: {name: checkout, namespace: shop}, spec: {}}`, want: "has no selector"},
		"another workload's":                    {svc: `{metadata: {name: checkout, namespace: shop}, spec: {selector: {app: cart}}}`, want: "wants the label app=cart"},
		"a shared selector": {
			svc: plain, want: "also selects the pods of Deployment a, Deployment b,",
			others: []trafficrouting.Neighbour{{Name: "Deployment b", PodLabels: pods}, {Name: "Deployment a", PodLabels: pods}},
		},
		"a hash of the user's own":   {svc: `{metadata: {name: checkout, namespace: shop}, spec: {selector: {app: checkout, pod-template-hash: a}}}`, want: "remove it from the selector"},
		"another Rollout's pin":      {svc: `{metadata: {name: checkout, namespace: shop, labels: {crossfade.io/pinned: other}}, spec: {selector: {app: checkout}}}`, want: "pinned by Rollout other"},
		"a foreign canary Service":   {svc: plain, existing: `{metadata: {name: checkout-canary}}`, want: "is not Crossfade's; rename it"},
		"another Rollout's canary":   {svc: plain, existing: `{metadata: {name: checkout-canary, labels: {crossfade.io/rollout: other}}}`, want: "belongs to Rollout other"},
		"a name that leaves no room": {svc: `{metadata: {name: a23456789a23456789a23456789a23456789a23456789a23456789a2345678, namespace: shop}, spec: {selector: {app: checkout}}}`, want: "69 characters and 63 is the most"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var svc, existing *unstructured.Unstructured
			if c.svc != "" {
				svc = &unstructured.Unstructured{}
				require.NoError(t, yaml.Unmarshal([]byte(c.svc), &svc.Object))
			}
			if c.existing != "" {
				existing = &unstructured.Unstructured{}
				require.NoError(t, yaml.Unmarshal([]byte(c.existing), &existing.Object))
			}
			got := trafficrouting.ServiceRefusal(svc, existing, "checkout", pods, c.others)
			if c.want == "" {
				require.Empty(t, got)
				return
			}
			require.Contains(t, got, c.want)
			require.Contains(t, got, "; ", "it names the mend")
		})
	}
}

func TestReadyEndpoints(t *testing.T) {
	pod := func(uid, address string, c discoveryv1.EndpointConditions) discoveryv1.Endpoint {
		return discoveryv1.Endpoint{Addresses: []string{address}, Conditions: c, TargetRef: &corev1.ObjectReference{Kind: "Pod", UID: types.UID(uid)}}
	}
	ready := discoveryv1.EndpointConditions{Ready: ptr.To(true)}
	ready2, pods := trafficrouting.ReadyEndpoints([]*discoveryv1.EndpointSlice{
		{AddressType: discoveryv1.AddressTypeIPv4, Endpoints: []discoveryv1.Endpoint{
			pod("b", "10.0.0.2", ready), pod("a", "10.0.0.1", discoveryv1.EndpointConditions{}),
			pod("gone", "10.0.0.3", discoveryv1.EndpointConditions{Ready: ptr.To(true), Terminating: ptr.To(true)}),
			pod("not yet", "10.0.0.4", discoveryv1.EndpointConditions{Ready: ptr.To(false)}),
			{Addresses: []string{"10.0.0.9"}, Conditions: ready},
			{Addresses: []string{"10.0.0.9"}, Conditions: ready},
		}},
		{AddressType: discoveryv1.AddressTypeIPv6, Endpoints: []discoveryv1.Endpoint{pod("a", "fd00::1", ready)}},
	})
	require.Equal(t, int32(3), ready2, "two pods, one of them in two families, and an address without pod")
	require.Equal(t, []types.UID{"a", "b"}, pods)
	none, pods := trafficrouting.ReadyEndpoints(nil)
	require.Zero(t, none)
	require.Empty(t, pods)
}
