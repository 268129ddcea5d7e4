package rollout

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/workload"
	native "crossfade.io/crossfade/workload/deployment"
)

// judged is the spec of a Rollout that each case of the table spoils in one place.
const judged = `
analysis:
  goldenSignals: {source: Istio}
  templates:
  - {name: queue, args: [{name: most, value: "3"}], steps: [half]}
  - {name: load, kind: ClusterAnalysisTemplate, from: first}
  - {name: slo, promoted: true}
strategy: {keepOldFor: 5m, steps: [{name: first, weight: 5}, {name: half, weight: 50}]}
`

func parsed[T any](t *testing.T, text string) T {
	t.Helper()
	var out T
	require.NoError(t, yaml.UnmarshalStrict([]byte(text), &out))
	return out
}

func rolloutOf(t *testing.T, spec string) *v1alpha1.Rollout {
	t.Helper()
	return &v1alpha1.Rollout{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "checkout", UID: "u"}, Spec: parsed[v1alpha1.RolloutSpec](t, spec),
	}
}

// evidenceOf is a Reconciler in a cluster with three templates.
func evidenceOf(t *testing.T, objects ...client.Object) (*Reconciler, []v1alpha1.AnalysisTemplateSpec) {
	t.Helper()
	scheme := runtime.NewScheme()
	require.NoError(t, v1alpha1.AddToScheme(scheme))
	specs := []v1alpha1.AnalysisTemplateSpec{
		parsed[v1alpha1.AnalysisTemplateSpec](t, `{args: [{name: most, type: Integer}], metrics: [{name: length, threshold: {query: q, success: "result < {{args.most}}"}}]}`),
		parsed[v1alpha1.AnalysisTemplateSpec](t, `{source: {web: {address: "http://a"}}, metrics: [{name: load, threshold: {query: body, success: "true"}}]}`),
		parsed[v1alpha1.AnalysisTemplateSpec](t, `{goldenSignals: {source: Istio}}`),
	}
	queue := &v1alpha1.AnalysisTemplate{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "queue"}, Spec: specs[0]}
	load := &v1alpha1.ClusterAnalysisTemplate{ObjectMeta: metav1.ObjectMeta{Name: "load"}, Spec: specs[1]}
	slo := &v1alpha1.AnalysisTemplate{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "slo"}, Spec: specs[2]}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(append(objects, queue, load, slo)...).Build()
	return &Reconciler{Client: c, Reader: c, Prometheus: true}, specs
}

func TestTemplates(t *testing.T) {
	r, specs := evidenceOf(t)
	texts, refusal, err := r.templates(t.Context(), rolloutOf(t, judged))
	require.NoError(t, err)
	require.Empty(t, refusal)
	require.Len(t, texts, 3)
	for i, text := range texts {
		want, err := json.Marshal(specs[i])
		require.NoError(t, err)
		require.JSONEq(t, string(want), text, "in the order of the analysis, with arguments to be filled in")
	}
	for name, c := range map[string]struct{ from, to, want string }{
		"a template that is missing":   {"name: slo", "name: gone", "AnalysisTemplate gone does not exist in namespace shop; create it, or correct spec.analysis.templates"},
		"one of the other kind":        {"name: load, kind: ClusterAnalysisTemplate", "name: load", "AnalysisTemplate load does not exist in namespace shop"},
		"a cluster's that is missing":  {"name: load", "name: gone", "ClusterAnalysisTemplate gone does not exist; create it"},
		"one named twice":              {"name: slo", "name: queue, args: [{name: most, value: \"4\"}]", "AnalysisTemplate queue is named twice in spec.analysis.templates; name each template once"},
		"one of both kinds":            {"name: slo", "name: queue, kind: ClusterAnalysisTemplate", "AnalysisTemplate queue and ClusterAnalysisTemplate queue have one name, by which their metrics are known; rename one of them"},
		"an argument that is missing":  {`args: [{name: most, value: "3"}], `, "", "AnalysisTemplate queue: argument most has no value; give one, or give the template a default"},
		"an argument of a wrong type":  {`"3"`, "three", `AnalysisTemplate queue: argument most is "three", which is no Integer; give a whole number, such as 5`},
		"a step that is none":          {"steps: [half]", "steps: [quarter]", "AnalysisTemplate queue: step quarter, at which it is to be judged, is not among spec.strategy.steps; correct steps or from"},
		"from a step that is none":     {"from: first", "from: quarter", "ClusterAnalysisTemplate load: step quarter, at which it is to be judged, is not among"},
		"promoted with nothing kept":   {"keepOldFor: 5m, ", "", "AnalysisTemplate slo: it is to be judged once the new version is promoted, and the old pods are not kept then; set spec.strategy.keepOldFor, or take promoted out"},
		"promoted kept for no time":    {"keepOldFor: 5m, ", "keepOldFor: 0s, ", "set spec.strategy.keepOldFor"},
		"promoted and at a step":       {"promoted: true", "promoted: true, steps: [half]", "take one of the two out"},
		"an A/B test without its goal": {"strategy: {", "strategy: {abTest: {step: half, goal: queue/length, for: 1h}, ", "spec.strategy.abTest.goal: no template of spec.analysis.templates has a metric queue/length of kind goal"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, judged, c.from, "the case spoils nothing")
			found, refused, err := r.checkAnalysis(t.Context(), rolloutOf(t, strings.Replace(judged, c.from, c.to, 1)))
			require.NoError(t, err)
			require.True(t, refused)
			require.Equal(t, v1alpha1.ReasonAnalysisInvalid, found.reason)
			require.True(t, found.stalled)
			require.Contains(t, found.message, c.want)
		})
	}
	t.Run("what asks the installation's Prometheus, and there is none", func(t *testing.T) {
		r.Prometheus = false
		_, refusal, err := r.templates(t.Context(), rolloutOf(t, judged))
		require.NoError(t, err)
		require.Contains(t, refusal, "spec.analysis.goldenSignals are asked of the installation's Prometheus, and it has none; have its operator set analysis.prometheus.address")
		_, refusal, err = r.templates(t.Context(), rolloutOf(t, strings.Replace(judged, "  goldenSignals: {source: Istio}\n", "", 1)))
		require.NoError(t, err)
		require.Contains(t, refusal, "AnalysisTemplate queue: it asks the installation's Prometheus, and there is none")
	})
}

// TestOfTemplate: a template that changes has the Rollouts that name it checked again, and no others.
func TestOfTemplate(t *testing.T) {
	mine := rolloutOf(t, judged)
	other := rolloutOf(t, strings.ReplaceAll(judged, "name: queue", "name: other"))
	other.Name, other.UID = "other", "o"
	elsewhere := rolloutOf(t, judged)
	elsewhere.Namespace, elsewhere.UID = "elsewhere", "e"
	plain := rolloutOf(t, `strategy: {steps: [{name: first, weight: 5}]}`)
	plain.Name, plain.UID = "plain", "p"
	r, _ := evidenceOf(t, mine, other, elsewhere, plain)
	names := func(requests []reconcile.Request) (out []string) {
		for _, request := range requests {
			out = append(out, request.String())
		}
		return out
	}
	template := &v1alpha1.AnalysisTemplate{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "queue"}}
	for _, rollout := range []*v1alpha1.Rollout{mine, other} {
		r.memory.settle(rollout, "state", r.memory.doubts(rollout.UID))
	}
	require.Equal(t, []string{"shop/checkout"}, names(r.ofTemplate(t.Context(), template)))
	require.False(t, r.memory.settledIn(mine, "state"))
	require.True(t, r.memory.settledIn(other, "state"))

	cluster := &v1alpha1.ClusterAnalysisTemplate{ObjectMeta: metav1.ObjectMeta{Name: "load"}}
	require.ElementsMatch(t, []string{"shop/checkout", "shop/other", "elsewhere/checkout"}, names(r.ofTemplate(t.Context(), cluster)))
	require.Empty(t, r.ofTemplate(t.Context(), &v1alpha1.ClusterAnalysisTemplate{ObjectMeta: metav1.ObjectMeta{Name: "queue"}}), "one of the other kind")
}

// TestWaysBackNeedNoTemplates: a template that is missing keeps a version from being released, and none from being undone,
// let go of or kept at rest.
func TestWaysBackNeedNoTemplates(t *testing.T) {
	gone := strings.Replace(judged, "name: slo", "name: gone", 1)
	t.Run("an undo opens a Release", func(t *testing.T) {
		r, _ := evidenceOf(t)
		r.Clock, r.Recorder = time.Now, events.NewFakeRecorder(10)
		found, err := r.open(t.Context(), rolloutOf(t, gone), nil, &v1alpha1.Undo{Release: "checkout-1", Revision: "u1"})
		require.NoError(t, err)
		require.Equal(t, "checkout-1", found.release, found.message)
		var opened v1alpha1.Release
		require.NoError(t, r.Client.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "checkout-1"}, &opened))
		require.NotNil(t, opened.Spec.Undo)
		require.Empty(t, opened.Spec.AnalysisTemplates)
	})
	t.Run("any other version has none opened", func(t *testing.T) {
		r, _ := evidenceOf(t)
		found, err := r.open(t.Context(), rolloutOf(t, gone), nil, nil)
		require.NoError(t, err)
		require.Equal(t, v1alpha1.ReasonAnalysisInvalid, found.reason)
		require.True(t, found.stalled)
	})
	for name, c := range map[string]struct{ pending, proven, refused bool }{
		"a held template that was checked before": {pending: true, proven: true},
		"a held template":                         {pending: true},
		"a workload that stands":                  {refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := evidenceOf(t)
			deployment := &unstructured.Unstructured{}
			require.NoError(t, yaml.Unmarshal([]byte(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: checkout}, spec: {strategy: {type: RollingUpdate}}}`), &deployment.Object))
			w := world{kind: native.Kind{}, objects: workload.Objects{Workload: deployment}, pods: workload.Pods{Pending: c.pending}}
			found, refused, err := r.refusal(t.Context(), rolloutOf(t, gone), w, c.proven)
			require.NoError(t, err)
			require.Equal(t, c.refused, refused, found.message)
			if c.refused {
				require.Equal(t, v1alpha1.ReasonAnalysisInvalid, found.reason)
			}
		})
	}
}

func TestGoalThatRunsDry(t *testing.T) {
	test := &v1alpha1.ABTest{Step: "half", Goal: "shop/orders"}
	goal := v1alpha1.AnalysisMetric{Name: "orders", Goal: &v1alpha1.GoalMetric{}}
	of := func() map[string]v1alpha1.AnalysisTemplateSpec {
		return map[string]v1alpha1.AnalysisTemplateSpec{"shop": {Metrics: []v1alpha1.AnalysisMetric{goal}}}
	}
	require.Empty(t, aimless(test, of()))
	goal.DryRun = true
	require.Equal(t, "spec.strategy.abTest.goal: metric shop/orders runs dry, and decides nothing; take its dryRun out", aimless(test, of()))
}
