package api_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// securityPolicies is the kind as a cluster without Envoy Gateway can have it.
const securityPolicies = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: securitypolicies.gateway.envoyproxy.io}
spec:
  group: gateway.envoyproxy.io
  names: {kind: SecurityPolicy, plural: securitypolicies, singular: securitypolicy, listKind: SecurityPolicyList}
  scope: Namespaced
  versions:
  - name: v1alpha1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}`

// TestPolicyThatIsNotCopied: nothing is released past a policy that would not be in force for the canary Service. Where no
// such kind is served, as at first here, there is nothing to look for.
func TestPolicyThatIsNotCopied(t *testing.T) {
	direct, namespace := withCheckout(t)
	reconciler := reconcilerOf(t, direct, direct)
	key := types.NamespacedName{Namespace: namespace, Name: "checkout"}
	found := func() *metav1.Condition {
		_, err := reconciler.Reconcile(t.Context(), reconcile.Request{NamespacedName: key})
		require.NoError(t, err)
		var live v1alpha1.Rollout
		require.NoError(t, direct.Get(t.Context(), key, &live))
		return meta.FindStatusCondition(live.Status.Conditions, v1alpha1.ConditionReady)
	}
	require.NotEqual(t, v1alpha1.ReasonRouteUnsupported, found().Reason)

	crds, err := dynamic.NewForConfig(config(t))
	require.NoError(t, err)
	crd := decoded(t, securityPolicies)
	_, err = crds.Resource(crdsResource).Apply(t.Context(), crd.GetName(), crd, metav1.ApplyOptions{FieldManager: "test", Force: true})
	require.NoError(t, err)
	policy := decoded(t, `{apiVersion: gateway.envoyproxy.io/v1alpha1, kind: SecurityPolicy, metadata: {name: login},
		spec: {targetRefs: [{group: "", kind: Service, name: checkout}]}}`)
	policy.SetNamespace(namespace)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		require.NoError(c, client.IgnoreAlreadyExists(direct.Create(t.Context(), policy.DeepCopy())))
	}, patience, 50*time.Millisecond)
	require.Equal(t, v1alpha1.ReasonRouteUnsupported, found().Reason)
	require.Equal(t, "SecurityPolicy login would not be in force for the canary Service of the Service that it names; attach it to the route or to pods instead, if its kind can be",
		found().Message)
	require.NoError(t, direct.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}))
}

// TestPoliciesThatMayNotBeRead: a controller that is newer than its permissions says so where people look.
func TestPoliciesThatMayNotBeRead(t *testing.T) {
	direct, namespace := withCheckout(t)
	reconciler := reconcilerOf(t, direct, direct)
	reconciler.Reader = readerOf(t, direct, namespace, rbacv1.PolicyRule{
		APIGroups: []string{"gateway.networking.k8s.io"}, Resources: []string{"httproutes"}, Verbs: []string{"get", "list"},
	})
	key := types.NamespacedName{Namespace: namespace, Name: "checkout"}
	require.EventuallyWithT(t, func(c *assert.CollectT) { // the API server takes a role in a moment late
		_, err := reconciler.Reconcile(t.Context(), reconcile.Request{NamespacedName: key})
		require.NoError(c, err)
		var live v1alpha1.Rollout
		require.NoError(c, direct.Get(t.Context(), key, &live))
		ready := meta.FindStatusCondition(live.Status.Conditions, v1alpha1.ConditionReady)
		require.NotNil(c, ready)
		require.Equal(c, v1alpha1.ReasonRouteUnsupported, ready.Reason)
		require.Contains(c, ready.Message, "list BackendTLSPolicy.gateway.networking.k8s.io of namespace "+namespace)
		require.Contains(c, ready.Message, "is forbidden")
		require.Contains(c, ready.Message, "; install the chart of this version, which permits it")
	}, patience, 100*time.Millisecond)
	require.NoError(t, direct.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}))
}

// readerOf reads what the rules permit, beside workloads and what is built in.
func readerOf(t *testing.T, direct client.Client, name string, rules ...rbacv1.PolicyRule) client.Reader {
	t.Helper()
	builtIn := rbacv1.PolicyRule{APIGroups: []string{"", "apps"}, Resources: []string{"*"}, Verbs: []string{"get", "list"}}
	require.NoError(t, direct.Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: append(rules, builtIn)}))
	require.NoError(t, direct.Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}},
	}))
	less := rest.CopyConfig(config(t))
	less.Impersonate.UserName = name
	reader, err := client.New(less, client.Options{Scheme: direct.Scheme()})
	require.NoError(t, err)
	return reader
}
