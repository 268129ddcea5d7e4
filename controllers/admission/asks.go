package admission

import (
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// Ask is one thing that people ask of a Release in its spec.control, and the RBAC verb on releases that
// lets them: whoever may patch a Release may pause it, but approving, aborting and promoting are granted
// apart.
type Ask struct {
	// Verb on releases.crossfade.io.
	Verb string
	// Field of spec.control, for the message.
	Field string
	// Asked in CEL: the update asks for it.
	Asked string
}

func controlOf(root, field string) string { return root + ".?spec.?control.?" + field }

// Asks returns what is granted by a verb of its own.
func Asks() []Ask {
	outcome := func(root string) string { return controlOf(root, "desiredOutcome") + `.orValue("")` }
	turns := func(to v1alpha1.Outcome) string {
		return fmt.Sprintf("%s == %q && %s != %q", outcome("object"), to, outcome("oldObject"), to)
	}
	differs := func(field string) string { return controlOf("object", field) + " != " + controlOf("oldObject", field) }
	return []Ask{
		{Verb: "approve", Field: "approvals", Asked: differs("approvals")},
		{Verb: "abort", Field: "desiredOutcome", Asked: turns(v1alpha1.OutcomeAbort)},
		{Verb: "promote", Field: "desiredOutcome", Asked: turns(v1alpha1.OutcomePromote)},
		{Verb: "promote", Field: "goTo", Asked: differs("goTo")},
		{Verb: "promote", Field: "refresh", Asked: differs("refresh")},
		{Verb: "ship", Field: "emergency", Asked: differs("emergency")},
	}
}

// The most references that a Rollout may have, by its schema. Each is checked by an expression of its own,
// since the API server lets one expression make two checks.
const (
	mostServices = 8
	mostRoutes   = 16
)

// permits is a CEL check whether who writes may do something to an object of the same namespace.
func permits(verb, group, resource, name string) string {
	return permitsIn(ownNamespace, verb, group, resource, name)
}

// ownNamespace is that of the object, in CEL.
const ownNamespace = "object.metadata.namespace"

func permitsIn(namespace, verb, group, resource, name string) string {
	return fmt.Sprintf("authorizer.group(%s).resource(%s).namespace(%s).name(%s).check(%q).allowed()", group, resource, namespace, name, verb)
}

// asks returns the checks of what is asked of a Release.
func asks() []admissionv1.Validation {
	var out []admissionv1.Validation
	for _, a := range Asks() {
		out = append(out, admissionv1.Validation{
			Expression: fmt.Sprintf("!(%s) || %s", a.Asked,
				permits(a.Verb, literal(v1alpha1.GroupVersion.Group), `"releases"`, "object.metadata.name")),
			MessageExpression: fmt.Sprintf(`"spec.control.%s: " + request.userInfo.?username.orValue("") + " may not %s this Release; ask for the verb %s on releases.crossfade.io"`,
				a.Field, a.Verb, a.Verb),
			Reason: reason(),
		})
	}
	return out
}

// names returns the checks that the author of a Rollout may update what it names: through the Rollout the
// controller does it for them.
func names() []admissionv1.Validation {
	refusal := func(what string) string {
		return what + ` + ": " + request.userInfo.?username.orValue("") + " may not update it, and so may not have it released; ask for the verb update on it"`
	}
	out := []admissionv1.Validation{{
		Expression:        permits("update", "object.spec.workloadRef.group", `"deployments"`, "object.spec.workloadRef.name"),
		MessageExpression: refusal(`"spec.workloadRef: Deployment " + object.spec.workloadRef.name`),
		Reason:            reason(),
	}}
	for i := range mostServices {
		at := fmt.Sprintf("object.spec.serviceRefs[%d]", i)
		out = append(out, admissionv1.Validation{
			Expression:        fmt.Sprintf("size(object.spec.serviceRefs) <= %d || %s", i, permits("update", `""`, `"services"`, at+".name")),
			MessageExpression: refusal(`"spec.serviceRefs: Service " + ` + at + ".name"),
			Reason:            reason(),
		})
	}
	for i := range mostRoutes {
		at := fmt.Sprintf("object.spec.routeRefs[%d]", i)
		out = append(out, admissionv1.Validation{
			Expression: fmt.Sprintf("size(object.spec.routeRefs) <= %d || %s", i,
				permitsIn(at+".?namespace.orValue("+ownNamespace+")", "update", at+".group", plural(at+".kind"), at+".name")),
			MessageExpression: refusal(`"spec.routeRefs: " + ` + at + `.kind + " " + ` + at + `.name + (has(` + at + `.namespace) ? " of namespace " + ` + at + `.namespace : "")`),
			Reason:            reason(),
		})
	}
	return out
}

// plural is the resource of a kind of route in CEL, by the rules of English that CRDs go by.
func plural(kind string) string {
	return fmt.Sprintf(`(%[1]s.matches("[^aeiouAEIOU]y$") ? %[1]s.lowerAscii().substring(0, size(%[1]s) - 1) + "ies" : `+
		`%[1]s.lowerAscii() + (%[1]s.matches("(s|x|z|ch|sh)$") ? "es" : "s"))`, kind)
}

func reason() *metav1.StatusReason {
	forbidden := metav1.StatusReasonForbidden
	return &forbidden
}

// Permissions returns the policies by which RBAC decides what people may ask for, in a fixed order.
func Permissions(o Options) []*admissionv1.ValidatingAdmissionPolicy {
	const changed = "!has(oldObject.spec) || object.spec != oldObject.spec"
	policies := []*admissionv1.ValidatingAdmissionPolicy{
		permission(o, "releases", admissionv1.NamespacedScope, "oldObject.?spec.?control != object.?spec.?control", asks(), admissionv1.Update),
		permission(o, "rollouts", admissionv1.NamespacedScope, "oldObject == null || "+changed, names(), admissionv1.Create, admissionv1.Update),
		permission(o, "analysistemplates", admissionv1.NamespacedScope, "oldObject == null || "+changed,
			append(reads(), runs()), admissionv1.Create, admissionv1.Update),
		permission(o, "clusteranalysistemplates", admissionv1.ClusterScope, "oldObject == null || "+changed,
			reads(), admissionv1.Create, admissionv1.Update),
	}
	policies = append(policies, makes(o))
	policies[2].Spec.Variables = secretsIn(ownNamespace)
	policies[3].Spec.Variables = secretsIn(literal(o.Namespace))
	return policies
}

// makes refuses Releases that the controller did not make: what it checks of a Rollout and of its templates nobody checked of
// these, and it would have the Secrets that they name sent where they say.
func makes(o Options) *admissionv1.ValidatingAdmissionPolicy {
	p := permission(o, "releases", admissionv1.NamespacedScope, "", []admissionv1.Validation{{
		Expression: "false", Message: "Releases are made by Crossfade; change the workload, or use kubectl crossfade", Reason: reason(),
	}}, admissionv1.Create)
	p.Name = o.Name + "-makes-releases"
	p.Spec.MatchConditions = []admissionv1.MatchCondition{{Name: "foreign", Expression: foreign(o.Controllers)}}
	return p
}

// PermissionBindings returns the bindings that put the Permissions into effect, in the same order.
func PermissionBindings(o Options) []*admissionv1.ValidatingAdmissionPolicyBinding {
	var bindings []*admissionv1.ValidatingAdmissionPolicyBinding
	for _, p := range Permissions(o) {
		b := &admissionv1.ValidatingAdmissionPolicyBinding{
			TypeMeta:   metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "ValidatingAdmissionPolicyBinding"},
			ObjectMeta: metav1.ObjectMeta{Name: p.Name, Labels: o.Labels},
			Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
				PolicyName: p.Name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
			},
		}
		if o.Namespaces != nil {
			b.Spec.MatchResources = &admissionv1.MatchResources{NamespaceSelector: o.Namespaces.DeepCopy()}
		}
		bindings = append(bindings, b)
	}
	return bindings
}

func permission(o Options, resource string, scope admissionv1.ScopeType, when string, validations []admissionv1.Validation,
	on ...admissionv1.OperationType,
) *admissionv1.ValidatingAdmissionPolicy {
	fail := admissionv1.Fail
	return &admissionv1.ValidatingAdmissionPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "ValidatingAdmissionPolicy"},
		ObjectMeta: metav1.ObjectMeta{Name: o.Name + "-may-" + resource, Labels: o.Labels},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: &fail,
			MatchConstraints: &admissionv1.MatchResources{
				ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: on,
					Rule: admissionv1.Rule{
						APIGroups: []string{v1alpha1.GroupVersion.Group}, APIVersions: []string{v1alpha1.GroupVersion.Version},
						Resources: []string{resource}, Scope: &scope,
					},
				}}},
			},
			MatchConditions: []admissionv1.MatchCondition{{Name: "changed", Expression: when}},
			Validations:     validations,
		},
	}
}
