// Package workload translates between wanted pod counts and the kinds of workload that run them. It
// is pure: it does no I/O, reads no clock and holds no client.
package workload

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/intent"
)

// Kind translates between wanted pod counts and one kind of workload. Its values are stateless and
// its methods pure and total: they mutate nothing that they are given.
type Kind interface {
	// Capabilities says what this workload can do, and why it cannot be released if it cannot.
	Capabilities(Objects) Capabilities
	// Observe says what runs now.
	Observe(Objects) Pods
	// Plan returns the writes that bring the workload one step nearer to want, in order, each fenced
	// by UID and resourceVersion; none if it is there, or if its controller must move first. Sending
	// them again is harmless. It fails only if an object cannot be encoded.
	Plan(Objects, Want) ([]intent.Write, error)
}

// Objects is what the shell read of one workload.
type Objects struct {
	// Workload is the user's object, such as a Deployment; nil if it does not exist.
	Workload *unstructured.Unstructured
	// Revisions are the objects that hold one revision each: ReplicaSets controlled by the workload.
	Revisions []*unstructured.Unstructured
	// Pods of these revisions.
	Pods []*corev1.Pod
	// Now is the time of the reading.
	Now time.Time
	// Stable and Canary are the revisions that the Release follows, by UID. Stable is empty before the
	// Release has looked; Canary is empty until the workload's controller has made the revision.
	Stable, Canary types.UID
	// Release identifies the Release in flight, as name/uid. Empty means none.
	Release string
	// Ignored are pod-template annotations whose change alone is no new version: the gate lets it roll natively.
	Ignored []string
	// Original holds the borrowed fields as the Release saved them; nil before.
	Original *v1alpha1.Original
}

// Capabilities is what a workload can do.
type Capabilities struct {
	// Refusal says in one sentence why the workload cannot be released, and the mend. Empty means that
	// it can.
	Refusal string
}

// Pods is what runs of a workload.
type Pods struct {
	// Exists is false if the workload is gone.
	Exists bool
	// Wanted is how many pods the user wants: spec.replicas.
	Wanted int32
	// Pending: the template is held by our marker; the native controller moves nothing for it.
	Pending bool
	// PausedByUser: paused without our marker.
	PausedByUser bool
	// Borrowed: our values are in the workload's fields.
	Borrowed bool
	// Original is what is to be written back: the saved fields, with what foreign writes wanted since.
	// nil if nothing was borrowed yet and nothing is saved.
	Original *v1alpha1.Original
	// Template says which revision the workload's template (without our marker) is.
	Template TemplateIs
	// Stable and Canary are the two revisions of the Release.
	Stable, Canary Revision
	// Others counts pods of further revisions.
	Others int32
	// Seen: the native controller has seen the latest spec.
	Seen bool
	// Alone: at most one revision is asked for pods, as the controllers of all others know.
	Alone bool
	// Settled: the native controller has seen the latest spec and no pod of it is on its way in or out.
	Settled bool
	// Bypassed: the workload rolls a revision out that no gate held.
	Bypassed bool
}

// TemplateIs says which revision a template is.
type TemplateIs string

// What a workload's template can be.
const (
	TemplateStable TemplateIs = "Stable"
	TemplateCanary TemplateIs = "Canary"
	// TemplateOther is neither: a new version, or one that the native controller has not made yet.
	TemplateOther TemplateIs = "Other"
)

// Revision is one revision's pods.
type Revision struct {
	// UID of the object that holds it, such as a ReplicaSet. Empty if there is none.
	UID types.UID
	// Hash is the pod-template hash, which its pods carry as a label.
	Hash string
	// Images of the containers, in order.
	Images []string
	// Replicas is how many pods are asked for; Existing how many there are, terminating ones included;
	// Ready how many are ready for the workload's own minReadySeconds and not terminating.
	Replicas, Existing, Ready int32
	// ReadyAt is when the next pod will count as ready by time alone. Zero means that none will.
	ReadyAt time.Time
	// Failing names pods that are not ready for a reason, worst first.
	Failing []Failure
}

// Failure is a pod that is not ready, and why.
type Failure struct {
	// Pod is the pod's name; empty if no pod could be made at all (quota, admission).
	Pod string
	// Reason is the kubelet's or the controller's word, such as ImagePullBackOff.
	Reason string
	// Message is its sentence.
	Message string
	// Hopeless: it does not heal by waiting.
	Hopeless bool
}

// Posture is how a workload is to stand.
type Posture string

// The postures.
const (
	// Run has Canary pods of the held template beside all stable pods, un-paused, with our values in
	// the borrowed fields: a fixed point of the native controller.
	Run Posture = "Run"
	// Hold has no canary pod, paused with our marker; stable scales natively.
	Hold Posture = "Hold"
	// Finish has the workload's own fields back and un-paused, the template as it is: the old pods go.
	// Over a template that is held and is not the canary's, the stable one included, that stays held and
	// the old pods go all the same. While a user pauses, it waits.
	Finish Posture = "Finish"
	// Park has the workload's own fields back, no canary pod, paused with our marker: the resting
	// state of a rejected or newer template.
	Park Posture = "Park"
	// Reverse is the workload's own fields with the stable template in place of the canary's, held: the
	// way back from a promotion that is past the point of no return, as a release of its own.
	Reverse Posture = "Reverse"
	// Revert is Finish with the stable template written back: native behaviour, as before the release.
	Revert Posture = "Revert"
)

// Want is how a workload is to stand.
type Want struct {
	Posture Posture
	// Canary pods, for Run: 1 ≤ Canary. More than the user wants of the workload counts as that many.
	Canary int32
	// Spare lets more canary pods than that stay, for Run: such as native scaling has made.
	Spare bool
	// Disarm also takes our label off, for Park, Finish and Revert.
	Disarm bool
	// LeaveRevisions keeps our annotations on the revisions, to be taken off by a later call without it.
	LeaveRevisions bool
	// Serving says that any revision may have requests: before all but one lose their pods, that one serves.
	Serving bool
}
