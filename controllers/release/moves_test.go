package release_test

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
	"crossfade.io/crossfade/trafficrouting"
)

// The moves are what users, and fate, do to the world; each is told in the story.

// image is kubectl set image: the gate of an armed workload holds what is new.
func (w *world) image(image string) {
	w.tale.line(w, "you", "set the image to %s", image)
	change := func(template map[string]any) { setImage(template, image) }
	if w.model.Deployment.GetLabels()[v1alpha1.LabelRollout] != "" {
		require.NoError(w.t, w.model.Gate(change))
	} else {
		w.user.stable = image
		require.NoError(w.t, w.model.Edit(func(obj map[string]any) {
			change(obj["spec"].(map[string]any)["template"].(map[string]any))
		}))
	}
	w.wantDeployment(func(obj map[string]any) {
		setImage(obj["spec"].(map[string]any)["template"].(map[string]any), image)
	})
}

func (w *world) wantDeployment(change func(map[string]any)) {
	want := w.user.deployment.DeepCopy()
	change(want.Object)
	w.user.deployment = want
}

func (w *world) scale(replicas int32) {
	w.tale.line(w, "you", "scale to %d", replicas)
	require.NoError(w.t, w.model.Scale(replicas))
	w.wantDeployment(func(obj map[string]any) {
		obj["spec"].(map[string]any)["replicas"] = int64(replicas)
	})
}

// rolloutPause is kubectl rollout pause, rolloutResume its reverse; the gate puts an un-pause of what
// is held back.
func (w *world) rolloutPause() {
	w.tale.line(w, "you", "kubectl rollout pause")
	w.user.paused = true
	require.NoError(w.t, w.model.Pause(true))
}

func (w *world) rolloutResume() {
	w.tale.line(w, "you", "kubectl rollout resume")
	w.user.paused = false
	if _, held := unstructuredAnnotation(templateOf(w.model.Deployment), v1alpha1.AnnotationPending); !held {
		require.NoError(w.t, w.model.Pause(false))
	}
}

func unstructuredAnnotation(template map[string]any, key string) (string, bool) {
	annotations, _, _ := unstructured.NestedStringMap(template, "metadata", "annotations")
	value, ok := annotations[key]
	return value, ok
}

// ask changes what people ask of the Release.
func (w *world) ask(change func(*v1alpha1.Control)) {
	control := w.control.DeepCopy()
	change(control)
	if !equality.Semantic.DeepEqual(w.control, *control) {
		w.control = *control
		w.releaseVersion++
	}
}

func (w *world) pause() {
	w.tale.line(w, "you", "kubectl crossfade pause")
	w.ask(func(c *v1alpha1.Control) { c.Paused = true })
}

func (w *world) resume() {
	w.tale.line(w, "you", "kubectl crossfade resume")
	w.ask(func(c *v1alpha1.Control) { c.Paused = false })
}

func (w *world) abort() {
	w.tale.line(w, "you", "kubectl crossfade abort")
	w.ask(func(c *v1alpha1.Control) { c.DesiredOutcome = v1alpha1.OutcomeAbort })
}

func (w *world) promote() {
	w.tale.line(w, "you", "kubectl crossfade promote")
	if w.control.DesiredOutcome != v1alpha1.OutcomeAbort {
		w.ask(func(c *v1alpha1.Control) { c.DesiredOutcome = v1alpha1.OutcomePromote })
	}
}

// emergency is kubectl crossfade ship.
func (w *world) emergency() {
	w.tale.line(w, "you", "kubectl crossfade ship --reason INC-42")
	w.ask(func(c *v1alpha1.Control) { c.Emergency = &v1alpha1.Emergency{Reason: "INC-42"} })
}

// refresh is an edit of the Rollout's steps and kubectl crossfade refresh.
func (w *world) refresh(steps ...v1alpha1.Step) {
	w.tale.line(w, "you", "change the Rollout's steps, kubectl crossfade refresh")
	w.edited = steps
	w.ask(func(c *v1alpha1.Control) { c.Refresh += "+" })
}

func (w *world) approve(step string) {
	w.tale.line(w, "you", "approve step %s", step)
	visit := int32(1)
	for _, s := range w.status.Steps {
		if s.Name == step {
			visit = s.Visit
		}
	}
	for _, a := range w.control.Approvals {
		if a.Step == step && a.Visit == visit {
			return
		}
	}
	w.ask(func(c *v1alpha1.Control) {
		c.Approvals = append(c.Approvals, v1alpha1.Approval{Step: step, Visit: visit})
	})
}

// goTo is kubectl crossfade goto.
func (w *world) goTo(step string) {
	w.tale.line(w, "you", "kubectl crossfade goto %s", step)
	id := 1
	if w.control.GoTo != nil {
		_, _ = fmt.Sscan(w.control.GoTo.ID, &id)
		id++
	}
	w.ask(func(c *v1alpha1.Control) { c.GoTo = &v1alpha1.GoTo{Step: step, ID: fmt.Sprint(id)} })
}

// judge makes the evidence say something from now on.
func (w *world) judge(verdict v1alpha1.Verdict, message string) {
	w.tale.line(w, "evidence", "%s: %s", verdict, message)
	w.evidence = found(verdict, message)
}

// found is evidence of sources that were asked.
func found(verdict v1alpha1.Verdict, message string) *planner.Evidence {
	return &planner.Evidence{Verdict: verdict, Message: message, Record: &v1alpha1.AnalysisStatus{Verdict: verdict, Message: message}}
}

// doubt makes the evidence point to harm from now on, which may yet be chance.
func (w *world) doubt(message string) {
	w.tale.line(w, "evidence", "points to harm: %s", message)
	w.evidence = found(v1alpha1.VerdictInconclusive, message)
	w.evidence.Harm = true
}

// tooSoon makes the evidence say from now on that the step is new.
func (w *world) tooSoon() {
	w.tale.line(w, "evidence", "the step is new")
	w.evidence = found(v1alpha1.VerdictInconclusive, "the step is new")
	w.evidence.Early = true
}

// test makes the A/B test stand so from now on.
func (w *world) test(outcome, message string) {
	w.tale.line(w, "evidence", "the test stands %s: %s", outcome, message)
	w.evidence = found(v1alpha1.VerdictPass, "no worse than stable")
	w.evidence.Test = &planner.Test{Outcome: outcome, Message: message}
}

// silence has the metrics give no data from now on.
func (w *world) silence(message string) {
	w.tale.line(w, "evidence", "silent: %s", message)
	w.evidence = &planner.Evidence{Verdict: v1alpha1.VerdictNoData, Message: message, Unready: message}
}

func (w *world) deleteRollout() {
	w.tale.line(w, "you", "delete the Rollout")
	w.late = w.late || !w.letsGo() && pastNoReturn[w.status.Progress.Stage]
	w.rolloutGone = true
}

// suspend is spec.suspend of the Rollout.
func (w *world) suspend() {
	w.tale.line(w, "you", "suspend the Rollout")
	if !w.letsGo() {
		w.suspended, w.late = true, pastNoReturn[w.status.Progress.Stage]
	}
}

// remove deletes a Service or route.
func (w *world) remove(kind, name string) {
	w.tale.line(w, "you", "delete %s %s", kind, name)
	delete(w.store.objects, keyOf(kind, name))
	delete(w.user.objects, keyOf(kind, name))
}

// orphan deletes the Deployment and leaves its pods.
func (w *world) orphan() {
	w.tale.line(w, "you", "delete the Deployment with --cascade=orphan")
	w.model.Deployment = nil
}

// edit changes a route or Service, beside what Crossfade has in it.
func (w *world) edit(kind, name, what string, change func(obj map[string]any)) {
	w.tale.line(w, "you", "%s", what)
	live, wish := w.store.get(kind, name), w.user.objects[keyOf(kind, name)]
	if live == nil || wish == nil {
		return
	}
	wish = wish.DeepCopy()
	change(wish.Object)
	w.user.objects[keyOf(kind, name)] = wish
	change(live.Object)
	w.store.put(live)
}

// addHostname is an edit of a route that must be kept.
func (w *world) addHostname(host string) {
	w.edit("HTTPRoute", "checkout", "give the route the hostname "+host, func(obj map[string]any) {
		hosts, _, _ := unstructured.NestedStringSlice(obj, "spec", "hostnames")
		for _, h := range hosts {
			if h == host {
				return
			}
		}
		_ = unstructured.SetNestedStringSlice(obj, append(hosts, host), "spec", "hostnames")
	})
}

// resetRoute is a foreign write of the route as the user wrote it, such as a GitOps tool's.
func (w *world) resetRoute() {
	w.tale.line(w, "you", "apply the route from Git")
	if w.store.get(kindRoute, "checkout") != nil {
		w.store.put(w.gitRoute())
	}
}

// resetService is the same of the Service.
func (w *world) resetService() {
	w.tale.line(w, "you", "apply the Service from Git")
	if live := w.store.objects[keyOf(kindService, "checkout")]; live != nil {
		w.unpinned = w.unpinned || trafficrouting.PinnedTo(live) != ""
		w.store.put(w.user.objects[keyOf(kindService, "checkout")])
	}
}

// labelDeployment is an edit that must be kept.
func (w *world) labelDeployment() {
	w.tale.line(w, "you", "label the Deployment")
	change := func(obj map[string]any) { _ = unstructured.SetNestedField(obj, "gold", "metadata", "labels", "tier") }
	require.NoError(w.t, w.model.Edit(change))
	w.wantDeployment(change)
}

// gitRoute is the route as the user wrote it, with the status that it has now.
func (w *world) gitRoute() *unstructured.Unstructured {
	want := w.user.objects[keyOf("HTTPRoute", "checkout")].DeepCopy()
	if live := w.store.get("HTTPRoute", "checkout"); live != nil {
		want.Object["status"] = live.Object["status"]
	}
	return want
}

// canaryPods names the canary's pods.
func (w *world) canaryPods() []string { return w.model.PodsOf(w.status.Progress.Canary) }

func (w *world) unreadyCanary() {
	w.tale.line(w, "fate", "the canary's pods are not ready any more")
	for _, name := range w.canaryPods() {
		w.model.SetReady(name, false)
	}
}

// unready makes some of the canary's pods unready.
func (w *world) unready(pods int) {
	w.tale.line(w, "fate", "%d of the canary's pods are not ready any more", pods)
	for _, name := range w.canaryPods()[:pods] {
		w.model.SetReady(name, false)
	}
}

func (w *world) healCanary() {
	w.tale.line(w, "fate", "the canary's pods are ready again")
	for _, name := range w.canaryPods() {
		w.model.SetReady(name, true)
	}
}

// breakCanary makes every pod of the first new image fail for a reason.
func (w *world) breakCanary(reason string, restarts int32) {
	w.fails["checkout:2"] = failure{reason, restarts}
}

// crash fails the pods of broken images, and says whether there were any that ran.
func (w *world) crash() bool {
	moved := false
	for _, rs := range w.model.ReplicaSets {
		why, ok := w.fails[imageOf(templateOf(rs))]
		if !ok {
			continue
		}
		moved = w.failPods(rs.GetUID(), why) || moved
	}
	return moved
}

func (w *world) failPods(owner types.UID, why failure) bool {
	moved := false
	for _, pod := range w.model.Pods {
		if pod.Owner == owner && !pod.Terminating && pod.Reason != why.reason {
			w.model.Fail(pod.Name, why.reason, why.restarts)
			moved = true
		}
	}
	return moved
}

// pass lets time go by, with a look each second while anything moves.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	until := w.now().Add(d)
	for range most {
		if !w.now().Before(until) {
			return
		}
		if !w.tick() {
			left := until.Sub(w.now())
			if w.last.Wake > 0 {
				left = min(left, w.last.Wake)
			}
			w.model.Advance(max(left, 0))
		}
	}
	require.FailNow(w.t, "it never comes to rest", "within %s: %s\n%s", d, w.last.Status.Message, w.tale.String())
}

// tells requires what it says that it waits for.
func (w *world) tells(message string) {
	w.t.Helper()
	require.NotNil(w.t, w.status.Barrier, w.tale.String())
	require.Equal(w.t, message, w.status.Barrier.Message)
}

// next opens the next Release, as the Rollout's controller does once one has ended.
func (w *world) next() {
	w.number++
	if w.status.Outcome == v1alpha1.OutcomePromoted {
		w.user.stable = w.imageOfRevision(w.status.Progress.Canary)
	}
	w.control, w.status, w.ended, w.free, w.releaseGone = v1alpha1.Control{}, v1alpha1.ReleaseStatus{}, false, false, false
	w.releaseVersion++
	w.tale.line(w, "", "Release checkout-%d is opened", w.number)
}

func (w *world) imageOfRevision(uid types.UID) string {
	for _, rs := range w.model.ReplicaSets {
		if rs.GetUID() == uid {
			return imageOf(templateOf(rs))
		}
	}
	return fmt.Sprintf("unknown revision %s", uid)
}
