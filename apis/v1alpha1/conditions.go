package v1alpha1

// Condition types. Ready, Reconciling and Stalled follow kstatus.
const (
	// ConditionReady on a Rollout: stable serves and the controller knows what it waits for. On a
	// Release: it has ended. On a RouteKind: it can be used.
	ConditionReady = "Ready"
	// ConditionReconciling: something is on its way.
	ConditionReconciling = "Reconciling"
	// ConditionStalled: needs a human.
	ConditionStalled = "Stalled"
	// ConditionArmed on a Rollout: a new template was shown to be held.
	ConditionArmed = "Armed"
	// ConditionHeld: a template is held, or a step waits for time, approval or evidence.
	ConditionHeld = "Held"
	// ConditionAnalysisPassed on a Release: the evidence shows that the canary is as good as stable.
	ConditionAnalysisPassed = "AnalysisPassed"
	// ConditionTrafficInEffect on a Release: every route is seen to have the split that was asked.
	ConditionTrafficInEffect = "TrafficInEffect"
)

// Reasons of conditions.
const (
	ReasonIdle                = "Idle"
	ReasonReleaseInFlight     = "ReleaseInFlight"
	ReasonWorkloadNotFound    = "WorkloadNotFound"
	ReasonWorkloadUnsupported = "WorkloadUnsupported"
	ReasonWorkloadTaken       = "WorkloadTaken"
	ReasonWorkloadUnsettled   = "WorkloadUnsettled"
	ReasonServiceNotFound     = "ServiceNotFound"
	ReasonServiceUnsupported  = "ServiceUnsupported"
	ReasonRouteNotFound       = "RouteNotFound"
	ReasonRouteUnsupported    = "RouteUnsupported"
	ReasonFreezeInvalid       = "FreezeInvalid"
	ReasonAnalysisInvalid     = "AnalysisInvalid"
	ReasonRouteKindMissing    = "RouteKindMissing"
	ReasonCompiled            = "Compiled"
	ReasonNotUnderstood       = "NotUnderstood"
	ReasonGateMissing         = "GateMissing"
	ReasonProbePassed         = "ProbePassed"
	ReasonBrokenGlass         = "BrokenGlass"
	ReasonSuspended           = "Suspended"
	ReasonBypassed            = "Bypassed"
	ReasonRevisionRejected    = "RevisionRejected"
	ReasonNothingHeld         = "NothingHeld"
	ReasonTemplateHeld        = "TemplateHeld"
	ReasonHoldingTime         = "HoldingTime"
	ReasonHoldingApproval     = "HoldingApproval"
	ReasonHoldingEvidence     = "HoldingEvidence"
	ReasonFrozen              = "Frozen"
	ReasonKeepingOld          = "KeepingOld"
	ReasonObserving           = "Observing"
	ReasonNotAsked            = "NotAsked"
	ReasonPaused              = "Paused"
	ReasonTrafficContended    = "TrafficContended"
	ReasonInEffect            = "InEffect"
	ReasonNotInEffect         = "NotInEffect"
	ReasonProgressing         = "Progressing"
	ReasonEnded               = "Ended"
	ReasonInternal            = "InternalError"
)

// Causes for which a Release goes back.
const (
	CauseAborted         = "Aborted"
	CauseSuperseded      = "Superseded"
	CauseStableReapplied = "StableReapplied"
	CauseCollapsed       = "Collapsed"
	CauseDeadline        = "ProgressDeadlineExceeded"
	CausePodsFailing     = "PodsFailing"
	CauseDeleted         = "RolloutDeleted"
	CauseSuspended       = "RolloutSuspended"
	CauseScaledToZero    = "ScaledToZero"
	CauseObjectGone      = "ObjectGone"
	CauseInvalid         = "Invalid"
	CauseAnalysisFailed  = "AnalysisFailed"
	CauseInconclusive    = "AnalysisInconclusive"
	CauseNoWinner        = "NoWinner"
)

// Reasons of Events, past tense.
const (
	EventArmed           = "Armed"
	EventReleaseOpened   = "ReleaseOpened"
	EventWeightShifted   = "WeightShifted"
	EventRollbackBegan   = "RollbackBegan"
	EventShippedAtOnce   = "ShippedAtOnce"
	EventPromoted        = "Promoted"
	EventRolledBack      = "RolledBack"
	EventRestoredNative  = "RestoredNative"
	EventBypassed        = "Bypassed"
	EventRolloutRejected = "RolloutRejected"
)
