package release_test

import (
	"strings"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/workload"
	"crossfade.io/crossfade/workload/deployment"
)

// andRevert is the word of spec.rollback by which the stable template is written back.
const andRevert = "Revert"

// asTheUserWroteIt checks what an ended Release leaves behind: nothing but the version.
func (w *world) asTheUserWroteIt() {
	w.t.Helper()
	letGo := w.disarm()
	w.letGoOfStable()
	require.True(w.t, !letGo || w.late, "a Rollout deleted in time leaves a template held\n%s", w.tale.String())
	for key, want := range w.user.objects {
		live := w.store.objects[key]
		require.NotNil(w.t, live, "%s is gone\n%s", key, w.tale.String())
		require.Equal(w.t, plainObject(want), plainObject(live), "%s is not as the user wrote it\n%s", key, w.tale.String())
	}
	for key := range w.store.objects {
		require.Contains(w.t, w.user.objects, key, "left behind\n%s", w.tale.String())
	}
	if w.model.Deployment == nil {
		return
	}
	for _, rs := range w.model.ReplicaSets {
		for key := range rs.GetAnnotations() {
			require.False(w.t, strings.HasPrefix(key, "crossfade.io/"), "%s is left on ReplicaSet %s\n%s", key, rs.GetName(), w.tale.String())
		}
	}
	require.Equal(w.t, plainObject(w.wantedDeployment(letGo)), plainObject(w.model.Deployment), "the Deployment\n%s", w.tale.String())
}

// disarm does what the Rollout's controller does once a deleted Rollout has no Release any more: it lets go
// of what is held, and says whether anything was.
func (w *world) disarm() bool {
	obj := w.model.Deployment
	if !w.letsGo() || obj == nil || obj.GetLabels()[v1alpha1.LabelRollout] == "" {
		return false
	}
	writes, err := deployment.Kind{}.Plan(workload.Objects{Workload: obj.DeepCopy(), Now: w.now()}, workload.Want{Posture: workload.Finish, Disarm: true})
	require.NoError(w.t, err)
	for _, write := range writes {
		require.NoError(w.t, w.model.Apply(write))
	}
	return true
}

// letGoOfStable does what the Rollout's controller does with a stable template that is held though no Release is open:
// one that had not begun may have ended over a cache that had yet to see it.
func (w *world) letGoOfStable() {
	objects := w.model.Objects()
	objects.Stable = w.status.Progress.Stable
	if objects.Workload == nil || w.letsGo() || w.status.Progress.Canary != "" {
		return
	}
	pods := deployment.Kind{}.Observe(objects)
	if !pods.Pending || pods.Template != workload.TemplateStable || pods.Canary.Replicas > 0 {
		return
	}
	writes, err := deployment.Kind{}.Plan(objects, workload.Want{Posture: workload.Revert})
	require.NoError(w.t, err)
	for _, write := range writes {
		require.NoError(w.t, w.model.Apply(write))
	}
}

// wantedDeployment is the user's Deployment as it must stand after this outcome.
func (w *world) wantedDeployment(letGo bool) *unstructured.Unstructured {
	want := w.user.deployment.DeepCopy()
	if letGo {
		unstructured.RemoveNestedField(want.Object, "metadata", "labels", v1alpha1.LabelRollout)
		return want
	}
	image := imageOf(templateOf(want))
	hold := func() {
		_ = unstructured.SetNestedField(want.Object, true, "spec", "paused")
		_ = unstructured.SetNestedField(want.Object, v1alpha1.PendingHeld, "spec", "template", "metadata", "annotations", v1alpha1.AnnotationPending)
	}
	switch {
	case w.status.Outcome == v1alpha1.OutcomePromoted:
		switch {
		case image != w.imageOfRevision(w.status.Progress.Canary):
			hold()
		case w.control.DesiredOutcome == v1alpha1.OutcomeAbort && !w.letsGo():
			// Too late to go back: the stable template waits for a Release of its own.
			template := templateOf(want)
			setImage(template, w.user.stable)
			_ = unstructured.SetNestedMap(want.Object, template, "spec", "template")
			hold()
		}
		if w.letsGo() {
			unstructured.RemoveNestedField(want.Object, "metadata", "labels", v1alpha1.LabelRollout)
		}
	case w.letsGo():
		template := templateOf(want)
		setImage(template, w.user.stable)
		_ = unstructured.SetNestedMap(want.Object, template, "spec", "template")
		unstructured.RemoveNestedField(want.Object, "metadata", "labels", v1alpha1.LabelRollout)
	case w.revertsByPolicy() && image == w.imageOfRevision(w.status.Progress.Canary):
		template := templateOf(want)
		setImage(template, w.user.stable)
		_ = unstructured.SetNestedMap(want.Object, template, "spec", "template")
	case image != w.user.stable:
		hold()
	}
	return want
}

// letsGo: the workload is to be native in the end.
func (w *world) letsGo() bool { return w.rolloutGone || w.suspended }

// revertsByPolicy: the policy has the stable template written back.
func (w *world) revertsByPolicy() bool {
	rejects := map[string]bool{
		v1alpha1.CauseAborted: true, v1alpha1.CauseAnalysisFailed: true, v1alpha1.CausePodsFailing: true,
		v1alpha1.CauseDeadline: true, v1alpha1.CauseCollapsed: true,
	}
	rollback := w.policy.Rollback
	if !rejects[w.status.Progress.Cause] {
		return false
	}
	return rollback.Then == andRevert || rollback.Then == "Hold" && rollback.OnHoldTimeout != nil && *rollback.OnHoldTimeout == andRevert
}

// plainObject leaves out what the API server and the native controller write, and notes that nobody
// reads.
func plainObject(obj *unstructured.Unstructured) map[string]any {
	out := obj.DeepCopy().Object
	delete(out, "status")
	metadata := out["metadata"].(map[string]any)
	for _, key := range []string{"uid", "resourceVersion", "generation", "creationTimestamp"} {
		delete(metadata, key)
	}
	annotations, _ := metadata["annotations"].(map[string]any)
	delete(annotations, "deployment.kubernetes.io/revision")
	delete(annotations, "touched")
	if len(annotations) == 0 {
		delete(metadata, "annotations")
	}
	if minReady, ok := out["spec"].(map[string]any)["minReadySeconds"]; ok && minReady == int64(0) {
		delete(out["spec"].(map[string]any), "minReadySeconds")
	}
	return out
}
