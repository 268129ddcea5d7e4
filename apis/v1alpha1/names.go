package v1alpha1

// Labels, annotations and names that Crossfade puts on objects.
const (
	// LabelRollout on a workload arms its gate and guards; its value is the Rollout's name. On objects
	// that Crossfade made, and on Releases, it names the Rollout that they serve.
	LabelRollout = "crossfade.io/rollout"
	// LabelRelease on a Job that measures names the Release that it is for.
	LabelRelease = "crossfade.io/release"
	// LabelActive is "true" on Releases in flight.
	LabelActive = "crossfade.io/active"
	// LabelPinned on a Service arms the guard of its pin; its value is the Rollout's name.
	LabelPinned = "crossfade.io/pinned"
	// LabelBreakGlass on a workload, with any value, disarms gate and guards at once.
	LabelBreakGlass = "crossfade.io/break-glass"

	// AnnotationPending on a pod template marks it as held: no ReplicaSet has such a template, so the
	// native controller moves nothing.
	AnnotationPending = "crossfade.io/pending"
	// PendingHeld is the value of AnnotationPending.
	PendingHeld = "held"
	// AnnotationOriginal on a workload holds, as JSON, the fields that a Release borrows. Its presence
	// arms the guard of these fields.
	AnnotationOriginal = "crossfade.io/original"
	// AnnotationWanted on a workload holds, as JSON, what a foreign write wanted of the borrowed
	// fields while the guard kept them: the new originals.
	AnnotationWanted = "crossfade.io/wanted"
	// AnnotationRelease on a workload names the Release in flight, as name/uid.
	AnnotationRelease = "crossfade.io/release"
	// AnnotationSplitPrefix on a route, followed by the Rollout's name, holds what Strip needs to put
	// the route back. For a Rollout of another namespace it comes after that namespace and a dot.
	AnnotationSplitPrefix = "split.crossfade.io/"
	// AnnotationRetry on a Rollout names its last Release: the template that this one rejected is tried again.
	AnnotationRetry = "crossfade.io/retry"
	// AnnotationBase on a route holds a compressed copy of it for disasters; it is never read while a
	// Release is in flight.
	AnnotationBase = "crossfade.io/base"

	// LabelTemplateHash is the label by which the native controller tells revisions apart.
	LabelTemplateHash = "pod-template-hash"

	// Finalizer keeps a Release in flight until everything is back.
	Finalizer = "crossfade.io/restore"

	// FieldManager of all writes of the controller but the probe.
	FieldManager = "crossfade"
	// ProbeFieldManager of the dry-run write by which arming is proven; gate and guards treat it as
	// foreign.
	ProbeFieldManager = "crossfade-probe"

	// CanarySuffix makes the canary Service's name from the user's.
	CanarySuffix = "-canary"
)
