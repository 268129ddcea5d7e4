package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/analyst/arguments"
)

// +kubebuilder:rbac:groups=crossfade.io,resources=analysistemplates;clusteranalysistemplates,verbs=get;list;watch

// clusterTemplate is the kind of template that all namespaces share.
const clusterTemplate = "ClusterAnalysisTemplate"

// mostOfTemplate is how long a template may be in a Release, by its schema, in bytes.
const mostOfTemplate = 65536

// templates are those that a Release of the Rollout has to keep, as JSON in the order of its analysis, or why it can't be
// judged as asked.
func (r *Reconciler) templates(ctx context.Context, rollout *v1alpha1.Rollout) (texts []string, refusal string, err error) {
	asked := rollout.Spec.Analysis
	if asked == nil {
		return nil, aimless(rollout.Spec.Strategy.ABTest, nil), nil
	}
	if asked.GoldenSignals != nil && !r.Prometheus {
		return nil, "spec.analysis.goldenSignals are asked of the installation's Prometheus, and it has none; " +
			"have its operator set analysis.prometheus.address, or put goldenSignals into a template with a source", nil
	}
	specs := map[string]v1alpha1.AnalysisTemplateSpec{}
	for i, ref := range asked.Templates {
		if refusal := ambiguous(ref, asked.Templates[:i]); refusal != "" {
			return nil, refusal, nil
		}
		spec, err := r.template(ctx, rollout.Namespace, ref)
		if err != nil {
			return nil, "", err
		}
		if spec == nil {
			where := ""
			if ref.Kind != clusterTemplate {
				where = " in namespace " + rollout.Namespace
			}
			return nil, fmt.Sprintf("%s %s does not exist%s; create it, or correct spec.analysis.templates", kindOf(ref), ref.Name, where), nil
		}
		if refusal := unfit(rollout.Spec.Strategy, ref, *spec, r.Prometheus); refusal != "" {
			return nil, fmt.Sprintf("%s %s: %s", kindOf(ref), ref.Name, refusal), nil
		}
		text, err := json.Marshal(spec)
		if err != nil {
			return nil, "", fmt.Errorf("encode %s %s: %w", kindOf(ref), ref.Name, err)
		}
		if len(text) > mostOfTemplate {
			return nil, fmt.Sprintf("%s %s is longer than the %d bytes that a Release keeps of it; split it into two", kindOf(ref), ref.Name, mostOfTemplate), nil
		}
		texts = append(texts, string(text))
		specs[ref.Name] = *spec
	}
	return texts, aimless(rollout.Spec.Strategy.ABTest, specs), nil
}

// ambiguous says why a template can't be told from those before it, by whose names metrics are known; "" if it can.
func ambiguous(ref v1alpha1.AnalysisTemplateRef, before []v1alpha1.AnalysisTemplateRef) string {
	for _, other := range before {
		switch {
		case other.Name != ref.Name:
		case kindOf(other) == kindOf(ref):
			return fmt.Sprintf("%s %s is named twice in spec.analysis.templates; name each template once", kindOf(ref), ref.Name)
		default:
			return fmt.Sprintf("%s %s and %s %s have one name, by which their metrics are known; rename one of them", kindOf(other), other.Name, kindOf(ref), ref.Name)
		}
	}
	return ""
}

// aimless says why an A/B test has no goal; "" if it has one, or if there is none.
func aimless(test *v1alpha1.ABTest, specs map[string]v1alpha1.AnalysisTemplateSpec) string {
	if test == nil {
		return ""
	}
	template, metric, _ := strings.Cut(test.Goal, "/")
	for _, m := range specs[template].Metrics {
		switch {
		case m.Name != metric || m.Goal == nil:
		case m.DryRun:
			return fmt.Sprintf("spec.strategy.abTest.goal: metric %s runs dry, and decides nothing; take its dryRun out", test.Goal)
		default:
			return ""
		}
	}
	return fmt.Sprintf("spec.strategy.abTest.goal: no template of spec.analysis.templates has a metric %s of kind goal; name one as TEMPLATE/METRIC", test.Goal)
}

// unfit says why a Rollout can't use a template so; "" if it can.
func unfit(strategy v1alpha1.Strategy, ref v1alpha1.AnalysisTemplateRef, spec v1alpha1.AnalysisTemplateSpec, prometheus bool) string {
	if err := arguments.Check(spec, ref.Args); err != nil {
		return err.Error()
	}
	steps := ref.Steps
	if ref.From != "" {
		steps = append(slices.Clone(steps), ref.From)
	}
	for _, step := range steps {
		if !slices.ContainsFunc(strategy.Steps, func(s v1alpha1.Step) bool { return s.Name == step }) {
			return fmt.Sprintf("step %s, at which it is to be judged, is not among spec.strategy.steps; correct steps or from", step)
		}
	}
	switch {
	case ref.Promoted && (strategy.KeepOldFor == nil || strategy.KeepOldFor.Duration.Duration <= 0):
		return "it is to be judged once the new version is promoted, and the old pods are not kept then; set spec.strategy.keepOldFor, or take promoted out"
	case ref.Promoted && len(steps) > 0:
		return "it is to be judged at steps and, by promoted, after all of them; take one of the two out"
	case spec.Source == nil && !prometheus:
		return "it asks the installation's Prometheus, and there is none; have its operator set analysis.prometheus.address, or give the template a source"
	}
	return ""
}

func kindOf(ref v1alpha1.AnalysisTemplateRef) string {
	if ref.Kind == "" {
		return "AnalysisTemplate"
	}
	return ref.Kind
}

// template reads one from the API server; nil if it does not exist.
func (r *Reconciler) template(ctx context.Context, namespace string, ref v1alpha1.AnalysisTemplateRef) (*v1alpha1.AnalysisTemplateSpec, error) {
	var err error
	var spec *v1alpha1.AnalysisTemplateSpec
	if ref.Kind == clusterTemplate {
		var found v1alpha1.ClusterAnalysisTemplate
		err, spec = r.Reader.Get(ctx, client.ObjectKey{Name: ref.Name}, &found), &found.Spec
	} else {
		var found v1alpha1.AnalysisTemplate
		err, spec = r.Reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: ref.Name}, &found), &found.Spec
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", kindOf(ref), ref.Name, err)
	}
	return spec, nil
}

// checkAnalysis refuses an analysis by which nothing could be judged.
func (r *Reconciler) checkAnalysis(ctx context.Context, rollout *v1alpha1.Rollout) (finding, bool, error) {
	_, refusal, err := r.templates(ctx, rollout)
	return stalled(v1alpha1.ReasonAnalysisInvalid, refusal), refusal != "", err
}

// ofTemplate maps a template to the Rollouts that name it: what was found of them may not hold any more.
func (r *Reconciler) ofTemplate(ctx context.Context, obj client.Object) []reconcile.Request {
	var rollouts v1alpha1.RolloutList
	if err := r.Client.List(ctx, &rollouts, client.InNamespace(obj.GetNamespace())); err != nil {
		return nil // the cache is not synced yet; each Rollout's own event follows
	}
	_, cluster := obj.(*v1alpha1.ClusterAnalysisTemplate)
	var requests []reconcile.Request
	for i := range rollouts.Items {
		rollout := &rollouts.Items[i]
		if rollout.Spec.Analysis == nil || !slices.ContainsFunc(rollout.Spec.Analysis.Templates, func(ref v1alpha1.AnalysisTemplateRef) bool {
			return ref.Name == obj.GetName() && (ref.Kind == clusterTemplate) == cluster
		}) {
			continue
		}
		r.memory.doubt(rollout.UID)
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(rollout)})
	}
	return requests
}
