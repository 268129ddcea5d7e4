package api_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/admission"
)

func TestAdmission(t *testing.T) {
	for how, install := range keepers {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t, install)
			// Each case has a workload of its own.
			for what, test := range map[string]func(*testing.T, *world){
				"gate": testGate, "user's pause": testPause, "ours and others": testWho, "probe": testProbe,
				"borrowed fields": testBorrowed, "labels and annotations": testMetadata, "GitOps": testGitOps, "pin": testPin,
				"asked again": testAgain, "native controller": testNative,
			} {
				t.Run(what, func(t *testing.T) {
					t.Parallel()
					test(t, w)
				})
			}
		})
	}
}

// requireHeld says that a workload has the image, is held, and is still armed.
func requireHeld(t *testing.T, d *appsv1.Deployment, image string) {
	t.Helper()
	require.Equal(t, image, d.Spec.Template.Spec.Containers[0].Image)
	require.True(t, d.Spec.Paused, "paused")
	require.Equal(t, v1alpha1.PendingHeld, d.Spec.Template.Annotations[v1alpha1.AnnotationPending])
	require.Equal(t, d.Name, d.Labels[v1alpha1.LabelRollout])
}

func requireRunning(t *testing.T, d *appsv1.Deployment, image string) {
	t.Helper()
	require.Equal(t, image, d.Spec.Template.Spec.Containers[0].Image)
	require.False(t, d.Spec.Paused, "paused")
	require.NotContains(t, d.Spec.Template.Annotations, v1alpha1.AnnotationPending)
}

func requireBorrowed(t *testing.T, d *appsv1.Deployment) {
	t.Helper()
	require.EqualValues(t, 2147483646, d.Spec.MinReadySeconds)
	require.Equal(t, ptr.To[int32](2147483647), d.Spec.ProgressDeadlineSeconds)
	require.Equal(t, "50%", d.Spec.Strategy.RollingUpdate.MaxSurge.String())
	require.Equal(t, "0", d.Spec.Strategy.RollingUpdate.MaxUnavailable.String())
	require.JSONEq(t, original, d.Annotations[v1alpha1.AnnotationOriginal])
	require.Equal(t, "checkout-1/0001", d.Annotations[v1alpha1.AnnotationRelease])
}

func testGate(t *testing.T, w *world) {
	for tool, write := range ways() {
		t.Run(tool+" of a new template onto an idle workload is held", func(t *testing.T) {
			t.Parallel()
			name := w.idle(t)
			write(t, w, name, canary)
			requireHeld(t, typed(t, w.get(t, name)), canary)
		})
		t.Run(tool+" of the stable template onto a held workload stays held", func(t *testing.T) {
			t.Parallel()
			name := w.held(t)
			write(t, w, name, stable)
			requireHeld(t, typed(t, w.get(t, name)), stable)
		})
		t.Run(tool+" of the held template again stays held", func(t *testing.T) {
			t.Parallel()
			name := w.held(t)
			write(t, w, name, canary)
			requireHeld(t, typed(t, w.get(t, name)), canary)
		})
		t.Run(tool+" of a newer template onto a release is held and takes nothing back", func(t *testing.T) {
			t.Parallel()
			name := w.borrowed(t)
			write(t, w, name, newer)
			d := typed(t, w.get(t, name))
			requireHeld(t, d, newer)
			requireBorrowed(t, d)
		})
		t.Run(tool+" of the stable template onto a release is held and takes nothing back", func(t *testing.T) {
			t.Parallel()
			name := w.borrowed(t)
			write(t, w, name, stable)
			d := typed(t, w.get(t, name))
			requireHeld(t, d, stable)
			requireBorrowed(t, d)
		})
		t.Run(tool+" of the canary's template onto its release changes nothing", func(t *testing.T) {
			t.Parallel()
			name := w.borrowed(t)
			before := w.get(t, name)
			write(t, w, name, canary)
			after := w.get(t, name)
			d := typed(t, after)
			requireRunning(t, d, canary)
			requireBorrowed(t, d)
			require.Equal(t, before.Object["spec"], after.Object["spec"])
		})
	}
	for change, body := range map[string]string{
		"a label":                 `{"metadata":{"labels":{"tier":"web"}}}`,
		"an annotation":           `{"metadata":{"annotations":{"checksum/config":"1"}}}`,
		"an environment variable": `{"spec":{"containers":[{"name":"app","env":[{"name":"A","value":"1"}]}]}}`,
		"an init container":       `{"spec":{"initContainers":[{"name":"log","image":"log:v1"}]}}`,
		"a resource request":      `{"spec":{"containers":[{"name":"app","resources":{"requests":{"cpu":"1500m"}}}]}}`,
		"a finalizer":             `{"metadata":{"finalizers":["example.com/a"]}}`,
		"a restart and a volume":  `{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}},"spec":{"volumes":[{"name":"a","emptyDir":{}}]}}`,
	} {
		t.Run(change+" more in the template is held", func(t *testing.T) {
			t.Parallel()
			name := w.idle(t)
			w.patch(t, w.user, name, types.StrategicMergePatchType, `{"spec":{"template":`+body+`}}`)
			requireHeld(t, typed(t, w.get(t, name)), stable)
		})
	}
}

func testPause(t *testing.T, w *world) {
	const pause, resume = `{"spec":{"paused":true}}`, `{"spec":{"paused":null}}`
	t.Run("pausing and resuming an idle workload pass", func(t *testing.T) {
		name := w.idle(t)
		d := typed(t, w.patch(t, w.user, name, types.StrategicMergePatchType, pause))
		require.True(t, d.Spec.Paused)
		require.Empty(t, d.Spec.Template.Annotations)
		requireRunning(t, typed(t, w.patch(t, w.user, name, types.StrategicMergePatchType, resume)), stable)
	})
	t.Run("pausing and resuming a release pass", func(t *testing.T) {
		name := w.borrowed(t)
		d := typed(t, w.patch(t, w.user, name, types.StrategicMergePatchType, pause))
		require.True(t, d.Spec.Paused)
		require.Empty(t, d.Spec.Template.Annotations)
		requireRunning(t, typed(t, w.patch(t, w.user, name, types.StrategicMergePatchType, resume)), canary)
	})
	t.Run("resuming a held workload changes nothing", func(t *testing.T) {
		name := w.held(t)
		before := w.get(t, name)
		requireHeld(t, typed(t, w.patch(t, w.user, name, types.StrategicMergePatchType, resume)), canary)
		require.Equal(t, before.GetGeneration(), w.get(t, name).GetGeneration())
	})
	t.Run("a manifest that says paused: false stays held", func(t *testing.T) {
		name := w.held(t)
		m := manifest(name, canary)
		m.Object["spec"].(map[string]any)["paused"] = false
		requireHeld(t, typed(t, w.apply(t, m, metav1.ApplyOptions{FieldManager: tool, Force: true})), canary)
	})
	t.Run("taking the marker off changes nothing", func(t *testing.T) {
		name := w.held(t)
		for _, body := range []string{
			`{"spec":{"template":{"metadata":{"annotations":null}}}}`,
			`{"spec":{"paused":false,"template":{"metadata":{"annotations":{"crossfade.io/pending":null}}}}}`,
			`{"spec":{"template":{"metadata":{"annotations":{"crossfade.io/pending":"no"}}}}}`,
		} {
			requireHeld(t, typed(t, w.patch(t, w.user, name, types.MergePatchType, body)), canary)
		}
	})
	t.Run("a manifest copied from a held workload doesn't hold one that runs", func(t *testing.T) {
		name := w.idle(t)
		w.patch(t, w.user, name, types.MergePatchType, `{"spec":{"replicas":3,"paused":true,"template":{"metadata":{"annotations":{"crossfade.io/pending":"held"}}}}}`)
		d := typed(t, w.get(t, name))
		requireRunning(t, d, stable)
		require.Equal(t, ptr.To[int32](3), d.Spec.Replicas)
	})
	t.Run("pause, set image and resume are held", func(t *testing.T) {
		name := w.idle(t)
		w.patch(t, w.user, name, types.StrategicMergePatchType, pause)
		ways()["kubectl set image"](t, w, name, canary)
		requireHeld(t, typed(t, w.patch(t, w.user, name, types.StrategicMergePatchType, resume)), canary)
	})
	const restart = `{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"2026-11-21T00:00:00Z"}}}}}`
	t.Run("kubectl rollout restart of an idle workload is a plain roll", func(t *testing.T) {
		name := w.idle(t)
		requireRunning(t, typed(t, w.patch(t, w.user, name, types.StrategicMergePatchType, restart)), stable)
	})
	t.Run("kubectl rollout restart of a release is held", func(t *testing.T) {
		name := w.borrowed(t)
		requireHeld(t, typed(t, w.patch(t, w.user, name, types.StrategicMergePatchType, restart)), canary)
	})
}

func testWho(t *testing.T, w *world) {
	const image = `{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"app:v2"}]}}}}`
	t.Run("our controller's new template rolls", func(t *testing.T) {
		name := w.idle(t)
		requireRunning(t, typed(t, w.patch(t, w.ours, name, types.StrategicMergePatchType, image)), canary)
	})
	t.Run("our controller takes the hold off", func(t *testing.T) {
		requireRunning(t, typed(t, w.get(t, w.borrowed(t))), canary)
	})
	t.Run("our controller restores the original exactly", func(t *testing.T) {
		name := w.idle(t)
		before := w.get(t, name)
		w.apply(t, manifest(name, canary), metav1.ApplyOptions{FieldManager: tool})
		w.borrow(t, name)
		ways()["replace"](t, w, name, stable)
		d := typed(t, w.get(t, name))
		requireHeld(t, d, stable)
		requireBorrowed(t, d)
		w.patch(t, w.ours, name, types.MergePatchType, fmt.Sprintf(`{
			"metadata": {"annotations": {%q: null, %q: null}},
			"spec": {"paused": null, "minReadySeconds": 1, "progressDeadlineSeconds": 600,
				"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": "25%%"}},
				"template": {"metadata": {"annotations": null}}}}`, v1alpha1.AnnotationOriginal, v1alpha1.AnnotationRelease))
		require.Equal(t, content(before), content(w.get(t, name)))
	})
	t.Run("a workload without our label is left alone", func(t *testing.T) {
		name := w.idle(t)
		w.patch(t, w.ours, name, types.MergePatchType, fmt.Sprintf(`{"metadata":{"labels":{%q:null}}}`, v1alpha1.LabelRollout))
		requireRunning(t, typed(t, w.patch(t, w.user, name, types.StrategicMergePatchType, image)), canary)
	})
	t.Run("the write that adds our label is gated already", func(t *testing.T) {
		name := w.idle(t)
		w.patch(t, w.ours, name, types.MergePatchType, fmt.Sprintf(`{"metadata":{"labels":{%q:null}}}`, v1alpha1.LabelRollout))
		m := manifest(name, canary)
		m.SetLabels(map[string]string{v1alpha1.LabelRollout: name})
		requireHeld(t, typed(t, w.apply(t, m, metav1.ApplyOptions{FieldManager: tool, Force: true})), canary)
	})
	t.Run("breaking the glass disarms everything, in the same write", func(t *testing.T) {
		name := w.borrowed(t)
		d := typed(t, w.patch(t, w.user, name, types.StrategicMergePatchType, fmt.Sprintf(
			`{"metadata":{"labels":{%q:"yes",%q:null},"annotations":{%q:null}},"spec":{"minReadySeconds":0,"template":{"spec":{"containers":[{"name":"app","image":"app:v3"}]}}}}`,
			v1alpha1.LabelBreakGlass, v1alpha1.LabelRollout, v1alpha1.AnnotationOriginal)))
		requireRunning(t, d, newer)
		require.Zero(t, d.Spec.MinReadySeconds)
		require.NotContains(t, d.Labels, v1alpha1.LabelRollout)
		require.NotContains(t, d.Annotations, v1alpha1.AnnotationOriginal)
	})
	t.Run("mending the glass arms again", func(t *testing.T) {
		name := w.idle(t)
		w.patch(t, w.user, name, types.MergePatchType, fmt.Sprintf(`{"metadata":{"labels":{%q:""}}}`, v1alpha1.LabelBreakGlass))
		requireRunning(t, typed(t, w.patch(t, w.user, name, types.StrategicMergePatchType, image)), canary)
		w.patch(t, w.user, name, types.MergePatchType, fmt.Sprintf(`{"metadata":{"labels":{%q:null}}}`, v1alpha1.LabelBreakGlass))
		ways()["kubectl set image"](t, w, name, newer)
		requireHeld(t, typed(t, w.get(t, name)), newer)
	})
	t.Run("scaling passes, also while held", func(t *testing.T) {
		name := w.held(t)
		_, err := w.deployments(w.user).Patch(t.Context(), name, types.MergePatchType, []byte(`{"spec":{"replicas":5}}`), metav1.PatchOptions{}, "scale")
		require.NoError(t, err)
		d := typed(t, w.get(t, name))
		requireHeld(t, d, canary)
		require.Equal(t, ptr.To[int32](5), d.Spec.Replicas)
	})
	t.Run("what the API server refuses natively is still refused", func(t *testing.T) {
		name := w.borrowed(t)
		for _, body := range []string{
			`{"spec":{"minReadySeconds":-1}}`,
			`{"spec":{"progressDeadlineSeconds":0}}`,
			`{"spec":{"strategy":{"rollingUpdate":{"maxSurge":"much"}}}}`,
			`{"spec":{"strategy":{"rollingUpdate":{"maxUnavailable":-1}}}}`,
			`{"spec":{"strategy":{"type":"Gentle"}}}`,
		} {
			_, err := w.deployments(w.user).Patch(t.Context(), name, types.MergePatchType, []byte(body), metav1.PatchOptions{})
			require.True(t, apierrors.IsInvalid(err), "%s: %v", body, err)
		}
	})
}

func testProbe(t *testing.T, w *world) {
	for state, make := range map[string]func(*testing.T) string{"idle": w.idle, "held": w.held, "borrowed": w.borrowed} {
		t.Run("a probe of a workload that is "+state+" comes back held and changes nothing", func(t *testing.T) {
			name := make(t)
			before := content(w.get(t, name))
			require.True(t, admission.ProbeHeld(w.probe(t, name)))
			require.Equal(t, before, content(w.get(t, name)))
		})
	}
	t.Run("a probe of a workload whose glass is broken isn't held", func(t *testing.T) {
		name := w.held(t)
		w.patch(t, w.user, name, types.MergePatchType, fmt.Sprintf(`{"metadata":{"labels":{%q:""}}}`, v1alpha1.LabelBreakGlass))
		require.False(t, admission.ProbeHeld(w.probe(t, name)))
	})
}
