// Package deployment translates between wanted pod counts and a native Deployment, by-pass: the user's
// object stays the user's, and the native controller runs its pods. A few fields are borrowed while a
// Release is in flight, so that new pods come but nothing is taken from the stable ones.
//
// What it rests on, in the native controller's words: the sizes of all ReplicaSets sum to replicas +
// maxSurge, and an old ReplicaSet shrinks only as pods of the new one become available. With
// minReadySeconds out of reach none ever does, so maxSurge alone says how many canary pods there are.
package deployment

import (
	"fmt"
	"math"

	appsv1 "k8s.io/api/apps/v1"

	"crossfade.io/crossfade/intent"
	"crossfade.io/crossfade/workload"
)

// The values that the borrowed fields have while a canary runs.
const (
	// heldMinReadySeconds keeps every new pod from being available. It must be less than the deadline.
	heldMinReadySeconds = math.MaxInt32 - 1
	// heldProgressDeadlineSeconds means none to the native controller.
	heldProgressDeadlineSeconds = math.MaxInt32
)

// Kind is the workload.Kind of native Deployments.
type Kind struct{}

var _ workload.Kind = Kind{}

// Capabilities says whether this Deployment can be released, and the mend if it cannot.
func (Kind) Capabilities(o workload.Objects) workload.Capabilities {
	return workload.Capabilities{Refusal: refusal(o)}
}

func refusal(o workload.Objects) string {
	if o.Workload == nil {
		return "the workload does not exist; create it, or mend spec.workloadRef"
	}
	name := fmt.Sprintf("%s %s/%s", o.Workload.GetKind(), o.Workload.GetNamespace(), o.Workload.GetName())
	if gvk := o.Workload.GroupVersionKind(); gvk.Group != appsv1.GroupName || gvk.Kind != "Deployment" {
		return fmt.Sprintf("%s is not a Deployment of the group apps; mend spec.workloadRef", name)
	}
	switch kind := text(o.Workload.Object, "spec", "strategy", "type"); kind {
	case "", string(appsv1.RollingUpdateDeploymentStrategyType):
	case string(appsv1.RecreateDeploymentStrategyType):
		return fmt.Sprintf("%s has spec.strategy.type Recreate, which says that two versions must not run side by side; set it to RollingUpdate", name)
	default:
		return fmt.Sprintf("%s has spec.strategy.type %s, which is not known here; set it to RollingUpdate", name, kind)
	}
	if limit, set := number(o.Workload.Object, "spec", "revisionHistoryLimit"); set && limit == 0 {
		return name + " has spec.revisionHistoryLimit 0, by which the ReplicaSet of a rejected version is deleted, and the version tried for ever; set it to 1 or more"
	}
	return ""
}

// Plan returns the next writes towards want, as workload.Kind says.
func (Kind) Plan(o workload.Objects, want workload.Want) ([]intent.Write, error) {
	if o.Workload == nil {
		return nil, nil
	}
	v := look(o)
	v.leavesRevisions, v.serving = want.LeaveRevisions, want.Serving
	switch want.Posture {
	case workload.Run:
		return v.run(want.Canary, want.Spare)
	case workload.Hold:
		return v.hold()
	case workload.Park:
		return v.park(want.Disarm)
	case workload.Finish:
		return v.finish(want.Disarm)
	case workload.Reverse:
		return v.reverse()
	case workload.Revert:
		return v.revert(want.Disarm)
	}
	return nil, nil
}
