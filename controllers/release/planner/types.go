// Package planner decides what a Release does next. Plan is one pure, total function: it does no
// I/O, reads no clock and draws no random number, so that every decision can be replayed and every
// interleaving explored by test.
package planner

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/intent"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/probes"
	"crossfade.io/crossfade/workload"
)

// Rule names what decided. It is a log key, a metric label and a word in the stories.
type Rule string

// The rules, in order: the first that fires decides. Those up to RuleFailed turn a Release back.
const (
	RuleDeleting     Rule = "Deleting"
	RuleSuspending   Rule = "Suspending"
	RuleAborting     Rule = "Aborting"
	RuleSuperseded   Rule = "Superseded"
	RuleInvalid      Rule = "Invalid"
	RuleSettled      Rule = "Settled"
	RuleCollapsed    Rule = "Collapsed"
	RuleFailed       Rule = "Failed"
	RuleUserPaused   Rule = "UserPaused"
	RuleProvisioning Rule = "Provisioning"
	RuleShifting     Rule = "Shifting"
	RuleConfirming   Rule = "Confirming"
	RuleHolding      Rule = "Holding"
	RulePromoting    Rule = "Promoting"
	RuleDraining     Rule = "Draining"
	RuleRestoring    Rule = "Restoring"
	RuleEnded        Rule = "Ended"
)

// Rules are all of them, in that order.
var Rules = []Rule{
	RuleDeleting, RuleSuspending, RuleAborting, RuleSuperseded, RuleInvalid, RuleSettled, RuleCollapsed, RuleFailed,
	RuleUserPaused, RuleProvisioning, RuleShifting, RuleConfirming, RuleHolding, RulePromoting, RuleDraining,
	RuleRestoring, RuleEnded,
}

// Input is all that a decision may depend on: equal Inputs give equal Decisions.
type Input struct {
	// Now is read once per reconcile by the shell.
	Now time.Time
	// Namespace and Rollout name the policy; Release is the Release's name, UID its UID.
	Namespace, Rollout, Release, UID string
	// Generation of the Release that was read.
	Generation int64
	// RolloutGone: the Rollout, or the Release itself, was deleted.
	RolloutGone bool
	// Suspended: the Rollout says now that the workload is to be left alone.
	Suspended bool
	// Freeze that lasts now; nil if none does.
	Freeze *Freeze
	// Undo says that the version comes back at once; nil if it takes the steps.
	Undo *v1alpha1.Undo
	// Current are the Rollout's steps as they are now.
	Current []v1alpha1.Step
	Policy  v1alpha1.RolloutSpec
	Control v1alpha1.Control
	// Status is what earlier decisions persisted. Only Progress and Steps are read; the rest is output.
	Status   v1alpha1.ReleaseStatus
	Observed Observed
	// Refusals is at how many looks in a row until now not all writes were done, for another reason than that the world had moved on.
	Refusals int
	// Evidence on the canary; nil where nothing is to be judged.
	Evidence *Evidence
}

// Freeze is a time in which no canary gets more than it has.
type Freeze struct {
	Name  string
	Until time.Time
}

// Evidence is a verdict with its reason.
type Evidence struct {
	Verdict v1alpha1.Verdict
	// Message says in one sentence what the verdict rests on, with the numbers.
	Message string
	// Harm says that the evidence points to the canary's being worse, though it may yet be chance.
	Harm bool
	// Early says that the present step has too little evidence of its own to end.
	Early bool
	// Unready says why no step may begin: which source gives no data; "" if all do.
	Unready string
	// Test is how the A/B test stands; nil before it has data, or where there is none.
	Test *Test
	// Record is what people are told of it; nil is nothing.
	Record *v1alpha1.AnalysisStatus
}

// Test is how an A/B test stands.
type Test struct {
	// Outcome is one of analysis.EffectOpen, EffectBetter, EffectWorse, EffectSame and EffectSkewed; empty where users are not counted
	// any more.
	Outcome string
	// Message has the difference with its band.
	Message string
}

// Observed is the world as read in this reconcile.
type Observed struct {
	Kind     workload.Kind
	Workload workload.Objects
	Services []Service
	Routes   []Route
	// Probes are the answers that are known by now, also to what was asked before.
	Probes []probes.Answer
}

// Service is one of the user's Services with the canary Service beside it.
type Service struct {
	Name string
	// User and Canary are nil if they do not exist.
	User, Canary *unstructured.Unstructured
	// Taken: somebody else has a Service of the canary Service's name.
	Taken bool
	// UserReady and CanaryReady count ready endpoints that are not terminating.
	UserReady, CanaryReady int32
}

// Route is one route and the provider that translates it.
type Route struct {
	Ref      v1alpha1.RouteRef
	Provider trafficrouting.Provider
	Objects  trafficrouting.Objects
}

// Decision is one step. Status must be persisted before Writes are sent.
type Decision struct {
	// Rule that fired.
	Rule Rule
	// Status is the whole new status, conditions included.
	Status v1alpha1.ReleaseStatus
	// Writes in order; each names an end state, so repeating one is harmless.
	Writes []intent.Write
	// Asks are the probes that are to be asked beside.
	Asks []probes.Question
	// Wake is the latest next look, from Now; 0 means that an event will come.
	Wake time.Duration
	// Ended: nothing of the Release is left in the cluster; its finalizer may go.
	Ended bool
}
