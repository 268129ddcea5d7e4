package planner

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// express says why the version is given everything without waiting for holds, evidence and freezes; "" if it is not.
func (in Input) express() string {
	switch {
	case in.Control.Emergency != nil:
		return "in an emergency: " + in.Control.Emergency.Reason
	case in.Undo != nil:
		return "at once, since it was stable before " + in.Undo.Release
	}
	return ""
}

// noteShipped notes for which template an emergency was asked for, while that is held and has no revision yet.
func (d *draft) noteShipped() {
	if d.in.Control.Emergency != nil && d.progress.Shipped == "" && d.progress.Canary == "" && d.pods.Pending {
		d.progress.Shipped = d.fingerprint()
	}
}

// otherThanExpressed: before its first pod the held template is no more the one that was to be given everything at once.
func (d *draft) otherThanExpressed() bool {
	if d.progress.Canary != "" || !d.pods.Pending {
		return false
	}
	undone := d.in.Undo != nil && d.pods.Canary.UID != d.in.Undo.Revision
	return undone || d.progress.Shipped != "" && d.progress.Shipped != d.fingerprint()
}

// fingerprint tells one template of the workload from another.
func (d *draft) fingerprint() string {
	template, _, _ := unstructured.NestedMap(d.in.Observed.Workload.Workload.Object, "spec", "template")
	text, err := json.Marshal(template)
	if err != nil {
		d.broken(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))[:16]
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
