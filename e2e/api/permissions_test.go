package api_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"crossfade.io/crossfade/controllers/admission"
)

// granted returns a client of a user who may do what the rules say in a namespace, and nothing else, once the API server
// knows it.
func granted(t *testing.T, namespace, user string, rules ...rbacv1.PolicyRule) dynamic.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(config(t))
	require.NoError(t, err)
	meta := metav1.ObjectMeta{Namespace: namespace, Name: user}
	_, err = client.RbacV1().Roles(namespace).Create(t.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = client.RbacV1().RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: user},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	asked := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: &authorizationv1.ResourceAttributes{
		Namespace: namespace, Group: rules[0].APIGroups[0], Resource: rules[0].Resources[0], Verb: rules[0].Verbs[0],
	}}}
	require.EventuallyWithT(t, func(now *assert.CollectT) {
		answer, err := client.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), asked, metav1.CreateOptions{})
		require.NoError(now, err)
		require.True(now, answer.Status.Allowed, "%s: %s", user, answer.Status.Reason)
	}, patience, 50*time.Millisecond)
	c := config(t)
	c.Impersonate = rest.ImpersonationConfig{UserName: user}
	acting, err := dynamic.NewForConfig(c)
	require.NoError(t, err)
	return acting
}

// crossfadeUser is whom the permissions take for the controller.
const crossfadeUser = "system:serviceaccount:crossfade:crossfade"

// permit puts the permissions into effect in a namespace of their own.
func permit(t *testing.T) string {
	t.Helper()
	installCRDs(t)
	namespace := newNamespace(t)
	client, err := kubernetes.NewForConfig(config(t))
	require.NoError(t, err)
	options := admission.Options{
		Name: namespace, Namespace: namespace, Controllers: []string{crossfadeUser},
		Namespaces: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": namespace}},
	}
	registration := client.AdmissionregistrationV1()
	ctx := context.WithoutCancel(t.Context())
	for _, p := range admission.Permissions(options) {
		_, err := registration.ValidatingAdmissionPolicies().Create(t.Context(), p, metav1.CreateOptions{})
		require.NoError(t, err)
		t.Cleanup(func() { _ = registration.ValidatingAdmissionPolicies().Delete(ctx, p.Name, metav1.DeleteOptions{}) })
	}
	for _, b := range admission.PermissionBindings(options) {
		_, err := registration.ValidatingAdmissionPolicyBindings().Create(t.Context(), b, metav1.CreateOptions{})
		require.NoError(t, err)
		t.Cleanup(func() {
			_ = registration.ValidatingAdmissionPolicyBindings().Delete(ctx, b.Name, metav1.DeleteOptions{})
		})
	}
	return namespace
}

func releaseVerbs(verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{"crossfade.io"}, Resources: []string{"releases"}, Verbs: append([]string{"get", "update", "patch"}, verbs...)}
}

func releaseNamed(name string, policy any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "crossfade.io/v1alpha1", "kind": "Release", "metadata": map[string]any{"name": name},
		"spec": map[string]any{"rollout": map[string]any{"name": "checkout", "uid": "u"}, "number": int64(1), "policy": policy},
	}}
}

// TestWhoMayMakeReleases: the controller alone, for a Release has templates, whose authors were asked about their Secrets.
func TestWhoMayMakeReleases(t *testing.T) {
	namespace := permit(t)
	policy := decoded(t, goodRollout).Object["spec"]
	create := func(c dynamic.Interface, name string, how metav1.CreateOptions) error {
		_, err := c.Resource(releasesResource).Namespace(namespace).Create(t.Context(), releaseNamed(name, policy), how)
		return err
	}
	admin, err := dynamic.NewForConfig(config(t))
	require.NoError(t, err)
	for user, acting := range map[string]dynamic.Interface{"one who may create them": granted(t, namespace, "maker", releaseVerbs("create")), "an administrator": admin} {
		t.Run(user, func(t *testing.T) {
			// Until the policies act the answer is yes, so it is asked for dry.
			require.EventuallyWithT(t, func(now *assert.CollectT) {
				err := create(acting, "by-hand", metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
				require.True(now, apierrors.IsForbidden(err), "%v", err)
				require.ErrorContains(now, err, "Releases are made by Crossfade; change the workload, or use kubectl crossfade")
			}, patience, 100*time.Millisecond)
		})
	}
	require.NoError(t, create(as(t, crossfadeUser), "by-crossfade", metav1.CreateOptions{}))
}

// TestWhoMayAskForWhat: each verb of a Release is granted apart; who may patch it may pause it.
func TestWhoMayAskForWhat(t *testing.T) {
	namespace := permit(t)
	crossfade := as(t, crossfadeUser)
	policy := decoded(t, goodRollout).Object["spec"]
	release := func(t *testing.T, name string) {
		t.Helper()
		_, err := crossfade.Resource(releasesResource).Namespace(namespace).Create(t.Context(), releaseNamed(name, policy), metav1.CreateOptions{})
		require.NoError(t, err)
	}
	requests := map[string]struct{ verb, body, want string }{
		"refresh": {"promote", `{"spec":{"control":{"refresh":"1"}}}`, "spec.control.refresh: %s may not promote this Release; ask for the verb promote"},
		"ship":    {"ship", `{"spec":{"control":{"emergency":{"reason":"INC-42"}}}}`, "spec.control.emergency: %s may not ship this Release; ask for the verb ship"},
		"approve": {"approve", `{"spec":{"control":{"approvals":[{"step":"insiders","visit":1}]}}}`, "spec.control.approvals: %s may not approve this Release; ask for the verb approve"},
		"abort":   {"abort", `{"spec":{"control":{"desiredOutcome":"Abort"}}}`, "spec.control.desiredOutcome: %s may not abort this Release; ask for the verb abort"},
		"promote": {"promote", `{"spec":{"control":{"desiredOutcome":"Promote"}}}`, "spec.control.desiredOutcome: %s may not promote this Release; ask for the verb promote"},
		"goto":    {"promote", `{"spec":{"control":{"goTo":{"step":"half","id":"1"}}}}`, "spec.control.goTo: %s may not promote this Release; ask for the verb promote"},
	}
	bystander := granted(t, namespace, "bystander", releaseVerbs())
	release(t, "settling")
	// A policy acts some moments after it was made.
	require.EventuallyWithT(t, func(now *assert.CollectT) {
		_, err := bystander.Resource(releasesResource).Namespace(namespace).Patch(t.Context(), "settling", types.MergePatchType,
			[]byte(requests["goto"].body), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
		require.True(now, apierrors.IsForbidden(err), "%v", err)
	}, patience, 100*time.Millisecond)
	for name, r := range requests {
		t.Run(name, func(t *testing.T) {
			release(t, name)
			may := granted(t, namespace, "may-"+name, releaseVerbs(r.verb))
			ask := func(c dynamic.Interface, body string) error {
				_, err := c.Resource(releasesResource).Namespace(namespace).Patch(t.Context(), name, types.MergePatchType, []byte(body), metav1.PatchOptions{})
				return err
			}
			err := ask(bystander, r.body)
			require.True(t, apierrors.IsForbidden(err), "%v", err)
			require.ErrorContains(t, err, fmt.Sprintf(r.want, "bystander"))
			require.NoError(t, ask(bystander, `{"spec":{"control":{"paused":true}}}`))
			require.NoError(t, ask(may, r.body))
			for other, o := range requests {
				final := r.verb == "abort" && other != "approve" // after an abort the schema refuses first
				if o.verb != r.verb && !final {
					require.True(t, apierrors.IsForbidden(ask(may, o.body)), "%s lets %s pass", r.verb, other)
				}
			}
			require.NoError(t, ask(bystander, `{"spec":{"control":{"paused":false}}}`), "what others asked for stays")
		})
	}
}

// mayUpdate lets somebody update the object of a resource that is called checkout.
func mayUpdate(group, resource string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, ResourceNames: []string{"checkout"}, Verbs: []string{"update"}}
}

// authors are the rules that the author of goodRollout needs.
func authors() (rollouts, deployments, service, route rbacv1.PolicyRule) {
	rollouts = rbacv1.PolicyRule{APIGroups: []string{"crossfade.io"}, Resources: []string{"rollouts"}, Verbs: []string{"create", "get", "update", "patch"}}
	return rollouts, mayUpdate("apps", "deployments"), mayUpdate("", "services"), mayUpdate("gateway.networking.k8s.io", "httproutes")
}

// TestAuthorMustBeAllowed: the author of a Rollout must be allowed to update each object that it names.
func TestAuthorMustBeAllowed(t *testing.T) {
	namespace := permit(t)
	rollouts, deployments, service, route := authors()
	create := func(t *testing.T, c dynamic.Interface, name string, how metav1.CreateOptions) error {
		t.Helper()
		obj := decoded(t, goodRollout)
		obj.SetName(name)
		_, err := c.Resource(rolloutsResource).Namespace(namespace).Create(t.Context(), obj, how)
		return err
	}
	cases := map[string]struct {
		rules []rbacv1.PolicyRule
		want  string
	}{
		"without the Deployment": {[]rbacv1.PolicyRule{rollouts, service, route}, "spec.workloadRef: Deployment checkout: %s may not update it"},
		"without the Service":    {[]rbacv1.PolicyRule{rollouts, deployments, route}, "spec.serviceRefs: Service checkout: %s may not update it"},
		"without the route":      {[]rbacv1.PolicyRule{rollouts, deployments, service}, "spec.routeRefs: HTTPRoute checkout: %s may not update it"},
	}
	n := 0
	for name, c := range cases {
		n++
		user := fmt.Sprintf("author-%d", n)
		acting := granted(t, namespace, user, c.rules...)
		t.Run(name, func(t *testing.T) {
			// Until the policies act the answer is yes, so it is asked for dry.
			require.EventuallyWithT(t, func(now *assert.CollectT) {
				err := create(t, acting, user, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
				require.True(now, apierrors.IsForbidden(err), "%v", err)
				require.ErrorContains(now, err, fmt.Sprintf(c.want, user))
			}, patience, 100*time.Millisecond)
		})
	}
	t.Run("with all of them", func(t *testing.T) {
		acting := granted(t, namespace, "author", rollouts, deployments, service, route)
		require.NoError(t, create(t, acting, "allowed", metav1.CreateOptions{}))
		_, err := acting.Resource(rolloutsResource).Namespace(namespace).Patch(t.Context(), "allowed", types.MergePatchType,
			[]byte(`{"spec":{"serviceRefs":[{"name":"checkout"},{"name":"other"}]}}`), metav1.PatchOptions{})
		require.ErrorContains(t, err, "spec.serviceRefs: Service other: author may not update it")
		most := ""
		for i := range 8 {
			most += fmt.Sprintf(`{"name":"s%d"},`, i)
		}
		admin, err := dynamic.NewForConfig(config(t))
		require.NoError(t, err)
		routes := ""
		for i := range 16 {
			routes += fmt.Sprintf(`{"group":"gateway.networking.k8s.io","kind":"HTTPRoute","namespace":"edge","name":"r%d"},`, i)
		}
		_, err = admin.Resource(rolloutsResource).Namespace(namespace).Patch(t.Context(), "allowed", types.MergePatchType,
			[]byte(`{"spec":{"serviceRefs":[`+most[:len(most)-1]+`],"routeRefs":[`+routes[:len(routes)-1]+`]}}`), metav1.PatchOptions{})
		require.NoError(t, err, "as many as a Rollout can name cost no more than the API server lets them")
	})
}

// TestAuthorOfOtherRoutes: routes of other kinds and namespaces are asked about by their resource, where they are.
func TestAuthorOfOtherRoutes(t *testing.T) {
	namespace := permit(t)
	rollouts, deployments, service, route := authors()
	t.Run("with an Ingress", func(t *testing.T) {
		acting := granted(t, namespace, "author-of-an-ingress", rollouts, deployments, service, mayUpdate("networking.k8s.io", "ingresses"))
		obj := decoded(t, ingressRollout("flavor: Traefik", "{name: first, weight: 5}"))
		obj.SetName("an-ingress")
		_, err := acting.Resource(rolloutsResource).Namespace(namespace).Create(t.Context(), obj, metav1.CreateOptions{})
		require.NoError(t, err)
	})
	t.Run("with a route of another namespace", func(t *testing.T) {
		edge := newNamespace(t)
		in := func(namespace string) string {
			return strings.Replace(goodRollout, "kind: HTTPRoute, name", "kind: HTTPRoute, namespace: "+namespace+", name", 1)
		}
		acting := granted(t, namespace, "author-of-two", rollouts, deployments, service, route)
		create := func(name, manifest string, dry ...string) error {
			obj := decoded(t, manifest)
			obj.SetName(name)
			_, err := acting.Resource(rolloutsResource).Namespace(namespace).Create(t.Context(), obj, metav1.CreateOptions{DryRun: dry})
			return err
		}
		// Until the policies act the answer is yes, so it is asked for dry.
		require.EventuallyWithT(t, func(now *assert.CollectT) {
			err := create("elsewhere", in(edge), metav1.DryRunAll)
			require.True(now, apierrors.IsForbidden(err), "%v", err)
			require.ErrorContains(now, err, "spec.routeRefs: HTTPRoute checkout of namespace "+edge+": author-of-two may not update it")
		}, patience, 100*time.Millisecond)
		require.NoError(t, create("at-home", in(namespace)), "the Rollout's own, by its name")
		granted(t, edge, "author-of-two", rollouts, route)
		require.NoError(t, create("elsewhere", in(edge)))
	})
	t.Run("with a kind that is described", func(t *testing.T) {
		acting := granted(t, namespace, "author-of-a-proxy", rollouts, deployments, service, mayUpdate("projectcontour.io", "httpproxies"))
		obj := decoded(t, strings.Replace(goodRollout, "group: gateway.networking.k8s.io, kind: HTTPRoute", "group: projectcontour.io, kind: HTTPProxy", 1))
		obj.SetName("a-proxy")
		_, err := acting.Resource(rolloutsResource).Namespace(namespace).Create(t.Context(), obj, metav1.CreateOptions{})
		require.NoError(t, err)
	})
}
