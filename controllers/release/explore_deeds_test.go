package release_test

import (
	"strings"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
)

func deed(what string, do func(*world)) move {
	return move{name: what, deed: true, write: -1, do: func(w *world) bool { do(w); w.instant("a user acted"); return true }}
}

// What users do, by sort.
var (
	newer   = deed("a newer template comes", func(w *world) { w.image("checkout:3") })
	older   = deed("the stable template comes", func(w *world) { w.image("checkout:1") })
	again   = deed("the new template comes again", func(w *world) { w.image("checkout:2") })
	aborts  = deed("abort", (*world).abort)
	promote = deed("promote", (*world).promote)
	deletes = deed("the Rollout is deleted", (*world).deleteRollout)
	suspend = deed("the Rollout is suspended", (*world).suspend)
	pauses  = []move{
		deed("kubectl rollout pause", (*world).rolloutPause), deed("kubectl rollout resume", (*world).rolloutResume),
		deed("pause", (*world).pause), deed("resume", (*world).resume),
	}
	approves = deed("approve", func(w *world) { w.approve(w.status.StepName) })
	goesTo   = []move{
		deed("go to the first step", func(w *world) { w.goTo(w.policy.Strategy.Steps[0].Name) }),
		deed("go to the last step", func(w *world) { w.goTo(w.policy.Strategy.Steps[len(w.policy.Strategy.Steps)-1].Name) }),
	}
	scales = []move{
		deed("scale to 2", func(w *world) { w.scale(2) }), deed("scale to 1", func(w *world) { w.scale(1) }), deed("scale to 0", func(w *world) { w.scale(0) }),
	}
	resetsRoute   = deed("the route is applied from Git, with no guard", (*world).resetRoute)
	removesCanary = deed("the canary Ingress is deleted", (*world).removeCanaryIngress)
	resets        = []move{
		resetsRoute,
		deed("the Service is applied from Git, with no guard", (*world).resetService),
		deed("the Deployment is applied from Git, with no guard, and Crossfade looks first", (*world).resetDeployment),
		deed("the route is edited, with a guard", func(w *world) { w.addHostname("h.example.com") }),
		deed("the Service is edited, with a guard", (*world).labelService),
		deed("the Deployment is edited, with a guard", (*world).labelDeployment),
	}
	gone = []move{
		deed("the route is deleted", func(w *world) { w.remove(kindRoute, "checkout") }),
		deed("the Service is deleted", func(w *world) { w.remove(kindService, "checkout") }),
	}
)

// secondReleases are what comes after a Release that has ended: a template that waits, or comes now, gets a Release
// of its own.
var secondReleases = []move{
	another("the template that waits gets a Release", func(*world) {}),
	another("a newer template comes, and gets a Release", func(w *world) { w.image("checkout:3") }),
	another("the new template comes again, and gets a Release", func(w *world) { w.image("checkout:2") }),
	another("the first template comes again, and gets a Release", func(w *world) { w.image("checkout:1") }),
}

// another opens a second Release once all have come to rest.
func another(what string, comes func(*world)) move {
	return move{name: what, deed: true, after: true, write: -1, do: func(w *world) bool {
		if w.number > 1 || w.letsGo() || len(w.user.objects) < 2 {
			return false
		}
		for w.others() {
		}
		comes(w)
		if !w.waits() {
			return false
		}
		image := imageOf(templateOf(w.model.Deployment))
		w.wantDeployment(func(obj map[string]any) { setImage(obj["spec"].(map[string]any)["template"].(map[string]any), image) })
		w.next()
		w.instant("a Release was opened")
		return true
	}}
}

// waits: a template is held, and is neither the stable one nor one that was rejected.
func (w *world) waits() bool {
	template := templateOf(w.model.Deployment)
	image, stable, canary := imageOf(template), w.user.stable, w.imageOfRevision(w.status.Progress.Canary)
	if w.status.Outcome == v1alpha1.OutcomePromoted {
		stable = canary
	}
	rejected := image == canary && (w.status.Outcome == v1alpha1.OutcomeAborted || w.status.Outcome == v1alpha1.OutcomeFailed)
	_, held := unstructuredAnnotation(template, v1alpha1.AnnotationPending)
	return held && image != stable && !rejected
}

// resetDeployment is a foreign write of the Deployment's fields as the user wrote them, which Crossfade sees before the
// native controllers do.
func (w *world) resetDeployment() {
	w.tale.line(w, "you", "apply the Deployment from Git")
	if w.model.Deployment == nil || w.ended {
		return
	}
	require.NoError(w.t, w.model.Edit(func(obj map[string]any) {
		spec, own := obj["spec"].(map[string]any), w.user.deployment.DeepCopy().Object["spec"].(map[string]any)
		for _, field := range []string{"minReadySeconds", "progressDeadlineSeconds", "strategy"} {
			delete(spec, field)
			if value, set := own[field]; set {
				spec[field] = value
			}
		}
		annotations, _, _ := unstructured.NestedMap(obj, "metadata", "annotations")
		for key := range annotations {
			if strings.HasPrefix(key, "crossfade.io/") {
				unstructured.RemoveNestedField(obj, "metadata", "annotations", key)
			}
		}
	}))
	w.reconcile()
}

// labelService is an edit of a Service that must be kept.
func (w *world) labelService() {
	w.edit(kindService, "checkout", "label the Service", func(obj map[string]any) {
		_ = unstructured.SetNestedField(obj, "gold", "metadata", "labels", "tier")
	})
}
