package planner

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// express says why the version is given everything without waiting for holds, evidence and freezes; "" if it is not.
func (in Input) express() string {
	switch {
	case in.Control.Emergency != nil:
		return "in an emergency: " + in.Control.Emergency.Reason
	case in.Undo != "":
		return "at once, since it was stable before " + in.Undo
	}
	return ""
}

// skipsHolds: the remaining steps are left out.
func (d *draft) skipsHolds() bool {
	return d.in.Control.DesiredOutcome == v1alpha1.OutcomePromote || d.in.express() != ""
}

// frozen is the freeze that keeps the canary from getting more; nil if none does.
func (d *draft) frozen() *v1alpha1.Barrier {
	freeze := d.in.Freeze
	if freeze == nil || d.in.express() != "" {
		return nil
	}
	until := metav1.NewMicroTime(freeze.Until)
	return &v1alpha1.Barrier{
		Name: barrierFreeze, Until: &until,
		Message: fmt.Sprintf("freeze %s lasts until %s", freeze.Name, freeze.Until.UTC().Format(time.RFC3339)),
	}
}

// notBegun is the freeze that keeps the Release from making its first pod; nil if none does.
func (d *draft) notBegun() *v1alpha1.Barrier {
	if d.progress.Cause != "" || d.progress.Stage != v1alpha1.StageStepping || d.progress.Canary != "" || !d.pods.Pending {
		return nil
	}
	return d.frozen()
}
