package rollout

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/admission"
	"crossfade.io/crossfade/controllers/apply"
	"crossfade.io/crossfade/intent"
	"crossfade.io/crossfade/workload"
)

// proveAgain is when a probe that was not held is repeated: a new policy takes some seconds to act.
const proveAgain = time.Second

// arm does the one thing that is due over a workload that may be released.
func (r *Reconciler) arm(ctx context.Context, rollout *v1alpha1.Rollout, w world) (finding, error) {
	labels := w.objects.Workload.GetLabels()
	if _, broken := labels[v1alpha1.LabelBreakGlass]; broken {
		return finding{
			reason: v1alpha1.ReasonBrokenGlass, quiet: true,
			message: "label " + v1alpha1.LabelBreakGlass + " disarms the workload; take it off to arm it again",
		}, nil
	}
	if len(r.Gate) == 0 {
		return finding{
			reason: v1alpha1.ReasonGateMissing, stalled: true, quiet: true,
			message: "the API server does not serve MutatingAdmissionPolicy (admissionregistration.k8s.io/v1), so a new template cannot be held; use Kubernetes 1.36 or later, or install the chart with its webhook",
		}, nil
	}
	if labels[v1alpha1.LabelRollout] != rollout.Name {
		return r.label(ctx, rollout, w)
	}
	if w.pods.Pending {
		return r.release(ctx, rollout, w)
	}
	// A look between the template and its ReplicaSet finds the workload on its way, and says so in the
	// condition: what was proven counts on.
	armed := r.memory.provenFor(rollout, w.objects.Workload) || meta.IsStatusConditionTrue(rollout.Status.Conditions, v1alpha1.ConditionArmed)
	if w.pods.Bypassed && armed {
		return r.bypassed(ctx, w)
	}
	if w.pods.PausedByUser {
		return settling("the workload is paused by a user; kubectl rollout resume lets it be armed", 0), nil
	}
	if !w.pods.Settled || w.pods.Others > 0 || w.pods.Canary.Replicas > 0 {
		if conditionHas(rollout, v1alpha1.ReasonBypassed) {
			return bypass(), nil
		}
		return settling("the workload is rolling out by itself; it is armed once that is complete", lookAgain), nil
	}
	return r.prove(ctx, rollout, w)
}

// send writes what turns live into want.
func (r *Reconciler) send(ctx context.Context, live, want *unstructured.Unstructured, why string) error {
	write, differs, err := intent.PatchTo(live, want, why)
	if err != nil || !differs {
		return err
	}
	_, err = apply.Send(ctx, r.Client, write)
	return err
}

// label brings the workload into the scope of gate and guards.
func (r *Reconciler) label(ctx context.Context, rollout *v1alpha1.Rollout, w world) (finding, error) {
	armed := w.objects.Workload.DeepCopy()
	labels := armed.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[v1alpha1.LabelRollout] = rollout.Name
	armed.SetLabels(labels)
	if err := r.send(ctx, w.objects.Workload, armed, "arm it"); err != nil {
		return finding{}, err
	}
	return settling("the workload is being armed", lookAgain), nil
}

// prove sends, as a dry run, a change of the template that the gate must hold.
func (r *Reconciler) prove(ctx context.Context, rollout *v1alpha1.Rollout, w world) (finding, error) {
	probe := admission.ProbeUpdate(w.objects.Workload)
	err := r.Client.Update(ctx, probe, client.DryRunAll, client.FieldOwner(v1alpha1.ProbeFieldManager))
	if err != nil && !apierrors.IsInvalid(err) && !apierrors.IsForbidden(err) {
		return finding{}, fmt.Errorf("probe the gate of Deployment %s: %w", w.objects.Workload.GetName(), err)
	}
	if err != nil || !admission.ProbeHeld(probe) {
		message := "a new template of the workload would not be held: Crossfade's policy or webhook is missing, not bound or not in effect yet; install the chart"
		if err != nil {
			message += " (" + err.Error() + ")"
		}
		again := proveAgain
		if since := meta.FindStatusCondition(rollout.Status.Conditions, v1alpha1.ConditionStalled); since != nil &&
			since.Reason == v1alpha1.ReasonGateMissing && r.Clock().Sub(since.LastTransitionTime.Time) > time.Minute {
			again = lookAgain
		}
		return finding{reason: v1alpha1.ReasonGateMissing, message: message, stalled: true, again: again}, nil
	}
	r.memory.prove(rollout, w.objects.Workload)
	return idle(), nil
}

// idle is the finding over an armed workload that stands.
func idle() finding {
	return finding{reason: v1alpha1.ReasonIdle, message: "stable serves; the next template is released by steps", armed: true, quiet: true}
}

// suspended is the finding over a workload that is to be left alone.
func (r *Reconciler) suspended() finding {
	message := "spec.suspend is true: new templates roll out natively; set it to false to have them released by steps"
	if r.LetGo {
		message = "Crossfade is being uninstalled: new templates roll out natively"
	}
	return finding{reason: v1alpha1.ReasonSuspended, atRest: true, message: message}
}

// bypassed handles a template that rolls out though the workload was armed. While none of its pods is
// ready it is caught and released after all; else native behaviour has to finish.
func (r *Reconciler) bypassed(ctx context.Context, w world) (finding, error) {
	if w.pods.Canary.Ready > 0 {
		return bypass(), nil
	}
	held := w.objects.Workload.DeepCopy()
	if err := unstructured.SetNestedField(held.Object, true, "spec", "paused"); err != nil {
		return finding{}, fmt.Errorf("pause Deployment %s: %w", held.GetName(), err)
	}
	err := unstructured.SetNestedField(held.Object, v1alpha1.PendingHeld, "spec", "template", "metadata", "annotations", v1alpha1.AnnotationPending)
	if err != nil {
		return finding{}, fmt.Errorf("mark the template of Deployment %s: %w", held.GetName(), err)
	}
	if err := r.send(ctx, w.objects.Workload, held, "hold a template that came past the gate"); err != nil {
		return finding{}, err
	}
	for _, revision := range w.objects.Revisions {
		if revision.GetUID() == w.pods.Stable.UID && w.pods.Stable.Replicas < w.pods.Wanted {
			grow := intent.Of(intent.Scale, revision, "give stable its pods back")
			grow.Replicas = w.pods.Wanted
			if _, err := apply.Send(ctx, r.Client, grow); err != nil {
				return finding{}, err
			}
		}
	}
	return settling("a template came past the gate and is held now", lookAgain), nil
}

func bypass() finding {
	return finding{
		reason: v1alpha1.ReasonBypassed, again: lookAgain,
		message: "a template came past the gate and is rolling out by itself; it is armed again once that is complete",
	}
}

// disarm lets go of the workloads of a Rollout that is gone: the label off, and what is held released.
// A Release in flight does that itself, in order.
func (r *Reconciler) disarm(ctx context.Context, rollout types.NamespacedName) error {
	active, err := r.active(ctx, rollout)
	if err != nil || active != nil {
		return err
	}
	deployments := &unstructured.UnstructuredList{}
	deployments.SetGroupVersionKind(deploymentKind.GroupVersion().WithKind("DeploymentList"))
	err = r.Client.List(ctx, deployments, client.InNamespace(rollout.Namespace), client.MatchingLabels{v1alpha1.LabelRollout: rollout.Name})
	if err != nil {
		return fmt.Errorf("list the Deployments of Rollout %s: %w", rollout, err)
	}
	for i := range deployments.Items {
		deployment := &deployments.Items[i]
		objects := workload.Objects{Workload: deployment, Now: r.Clock()}
		kind := r.Kinds[deploymentKind.GroupKind()]
		writes, err := kind.Plan(objects, workload.Want{Posture: workload.Finish, Disarm: true})
		if err != nil {
			return err
		}
		for _, w := range writes {
			if _, err := apply.Send(ctx, r.Client, w); err != nil {
				return err
			}
		}
	}
	return nil
}
