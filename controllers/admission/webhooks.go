package admission

import (
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// Hook is the webhook that does to foreign updates what the policies do, where the API server does not serve
// those, and guards routes everywhere.
type Hook struct {
	// Client says how the API server reaches a path of the webhook.
	Client func(path string) admissionv1.WebhookClientConfig
	// Routes are the resources that there are providers for.
	Routes []schema.GroupVersionResource
	// Gate is what becomes of a write of an armed workload that no Release has touched while the webhook is away:
	// Fail refuses it, Ignore lets a new template roll out natively. The guards always refuse.
	Gate admissionv1.FailurePolicyType
}

// RoutesPath is where the webhook guards routes.
const RoutesPath = "/routes"

// Path is where the webhook applies a table.
func (t Table) Path() string { return "/" + t.Name }

// hookSeconds is how long the API server waits for the webhook, which does no I/O.
const hookSeconds = 3

// RouteWebhook returns the configuration by which foreign updates of split routes are guarded. Routes that are not
// split are none of the webhook's business.
func RouteWebhook(o Options, h Hook) *admissionv1.MutatingWebhookConfiguration {
	split := fmt.Sprintf("[object, oldObject].exists(o, o.?metadata.?annotations.orValue({}).exists(key, key.startsWith(%s) || key.contains(%s)))",
		literal(v1alpha1.AnnotationSplitPrefix), literal("."+v1alpha1.AnnotationSplitPrefix))
	guard := h.webhook(o, "routes", RoutesPath, admissionv1.Fail)
	guard.MatchConditions = append(guard.MatchConditions, admissionv1.MatchCondition{Name: "split", Expression: split})
	for _, r := range h.Routes {
		guard.Rules = append(guard.Rules, updates(r))
	}
	return configuration(o, "routes", guard)
}

// TableWebhook returns the configuration by which the tables are applied.
func TableWebhook(o Options, h Hook) *admissionv1.MutatingWebhookConfiguration {
	var hooks []admissionv1.MutatingWebhook
	for _, t := range Tables(o.Ignored) {
		guard := h.webhook(o, t.Name, t.Path(), admissionv1.Fail)
		guard.Rules = []admissionv1.RuleWithOperations{t.updates()}
		guard.ObjectSelector = t.armed()
		if t.Gated == "" {
			hooks = append(hooks, guard)
			continue
		}
		// One writes what the other would: which of them is asked decides what becomes of a write that neither can be
		// asked about.
		gate := *guard.DeepCopy()
		gate.Name, gate.FailurePolicy = "gate."+guard.Name, ptr.To(h.Gate)
		gate.MatchConditions = append(gate.MatchConditions, admissionv1.MatchCondition{Name: "gated", Expression: t.Gated})
		guard.MatchConditions = append(guard.MatchConditions, admissionv1.MatchCondition{Name: "guarded", Expression: fmt.Sprintf("!(%s)", t.Gated)})
		hooks = append(hooks, gate, guard)
	}
	return configuration(o, "tables", hooks...)
}

func configuration(o Options, name string, hooks ...admissionv1.MutatingWebhook) *admissionv1.MutatingWebhookConfiguration {
	return &admissionv1.MutatingWebhookConfiguration{
		TypeMeta:   metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "MutatingWebhookConfiguration"},
		ObjectMeta: metav1.ObjectMeta{Name: o.Name + "-" + name, Labels: o.Labels},
		Webhooks:   hooks,
	}
}

func (h Hook) webhook(o Options, name, path string, failure admissionv1.FailurePolicyType) admissionv1.MutatingWebhook {
	return admissionv1.MutatingWebhook{
		Name:         name + "." + v1alpha1.GroupVersion.Group,
		ClientConfig: h.Client(path),
		// A dry run has to show what would be stored.
		SideEffects:             ptr.To(admissionv1.SideEffectClassNone),
		AdmissionReviewVersions: []string{"v1"},
		FailurePolicy:           &failure,
		MatchPolicy:             ptr.To(admissionv1.Equivalent),
		ReinvocationPolicy:      ptr.To(admissionv1.IfNeededReinvocationPolicy),
		TimeoutSeconds:          ptr.To[int32](hookSeconds),
		NamespaceSelector:       o.Namespaces.DeepCopy(),
		MatchConditions:         o.conditions(),
	}
}

func updates(r schema.GroupVersionResource) admissionv1.RuleWithOperations {
	return admissionv1.RuleWithOperations{
		Operations: []admissionv1.OperationType{admissionv1.Update},
		Rule: admissionv1.Rule{
			APIGroups: []string{r.Group}, APIVersions: []string{r.Version}, Resources: []string{r.Resource},
			Scope: ptr.To(admissionv1.NamespacedScope),
		},
	}
}

func (t Table) updates() admissionv1.RuleWithOperations {
	return updates(schema.GroupVersionResource{Group: t.Group, Version: t.Version, Resource: t.Resource})
}

// armed selects the objects of a table: it matches if the stored or the written object has the label.
func (t Table) armed() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: t.Label, Operator: metav1.LabelSelectorOpExists}}}
}

// conditions are those under which an update is foreign and the glass is whole.
func (o Options) conditions() []admissionv1.MatchCondition {
	return []admissionv1.MatchCondition{
		{Name: "foreign", Expression: foreign(o.Controllers)},
		{Name: "glass-whole", Expression: "!" + has("object", label(v1alpha1.LabelBreakGlass))},
	}
}
