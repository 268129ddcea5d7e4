package admission

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DefaultIgnored are the pod-template annotations whose change alone is no new version.
var DefaultIgnored = []string{"kubectl.kubernetes.io/restartedAt"}

// Options of the rendered policies.
type Options struct {
	// Name is what the names of policies and bindings begin with.
	Name string
	// Labels of policies and bindings.
	Labels map[string]string
	// Controllers are the user names whose writes are ours, such as system:serviceaccount:NAMESPACE:NAME.
	Controllers []string
	// Namespace is the controller's own, whose Secrets a ClusterAnalysisTemplate names.
	Namespace string
	// Ignored are pod-template annotations whose change alone is no new version. nil means none.
	Ignored []string
	// Namespaces limits the policies to namespaces with matching labels. nil means all.
	Namespaces *metav1.LabelSelector
}

// Policies returns one MutatingAdmissionPolicy for each table, in a fixed order. They are two because
// each is found by a label of its own, which spares all other objects of the cluster any evaluation.
func Policies(o Options) []*admissionv1.MutatingAdmissionPolicy {
	var policies []*admissionv1.MutatingAdmissionPolicy
	for _, t := range Tables(o.Ignored) {
		policies = append(policies, t.policy(o))
	}
	return policies
}

// Bindings returns the bindings that put the Policies into effect, in the same order.
func Bindings(o Options) []*admissionv1.MutatingAdmissionPolicyBinding {
	var bindings []*admissionv1.MutatingAdmissionPolicyBinding
	for _, t := range Tables(o.Ignored) {
		b := &admissionv1.MutatingAdmissionPolicyBinding{
			TypeMeta:   metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "MutatingAdmissionPolicyBinding"},
			ObjectMeta: t.meta(o),
			Spec:       admissionv1.MutatingAdmissionPolicyBindingSpec{PolicyName: t.meta(o).Name},
		}
		if o.Namespaces != nil {
			b.Spec.MatchResources = &admissionv1.MatchResources{NamespaceSelector: o.Namespaces.DeepCopy()}
		}
		bindings = append(bindings, b)
	}
	return bindings
}

func (t Table) meta(o Options) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: o.Name + "-" + t.Name, Labels: o.Labels}
}

func (t Table) policy(o Options) *admissionv1.MutatingAdmissionPolicy {
	fail := admissionv1.Fail
	p := &admissionv1.MutatingAdmissionPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "MutatingAdmissionPolicy"},
		ObjectMeta: t.meta(o),
		Spec: admissionv1.MutatingAdmissionPolicySpec{
			// An un-guarded write may cost requests; a refused one is tried again.
			FailurePolicy: &fail,
			// A webhook that runs later may change the template: we look again.
			ReinvocationPolicy: admissionv1.IfNeededReinvocationPolicy,
			MatchConstraints: &admissionv1.MatchResources{
				ResourceRules:  []admissionv1.NamedRuleWithOperations{{RuleWithOperations: t.updates()}},
				ObjectSelector: t.armed(),
			},
			MatchConditions: o.conditions(),
		},
	}
	for _, f := range t.Facts {
		p.Spec.Variables = append(p.Spec.Variables, admissionv1.Variable(f))
	}
	for _, r := range t.Rules {
		p.Spec.Mutations = append(p.Spec.Mutations, admissionv1.Mutation{
			PatchType: admissionv1.PatchTypeJSONPatch,
			JSONPatch: &admissionv1.JSONPatch{Expression: r.Expression()},
		})
	}
	return p
}
