// Package clitest holds the stories that the CLI's tests tell: Rollouts and Releases as the controller
// would leave them. Only tests import it.
package clitest

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// Now is when every story is told.
var Now = time.Date(2026, 11, 21, 12, 30, 0, 0, time.UTC)

// Story is a moment of one Rollout.
type Story struct {
	Rollout  v1alpha1.Rollout
	Releases []v1alpha1.Release
}

// Rollout returns shop/checkout, armed and idle.
func Rollout() v1alpha1.Rollout {
	r := v1alpha1.Rollout{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "checkout", UID: "rollout-1", Generation: 2},
		Spec:       policy(),
	}
	r.Status.ObservedGeneration = 2
	Set(&r.Status.Conditions, v1alpha1.ConditionReady, true, v1alpha1.ReasonIdle, "the stable version serves; a new template begins a Release")
	Set(&r.Status.Conditions, v1alpha1.ConditionArmed, true, v1alpha1.ReasonProbePassed, "a new template was shown to be held")
	Set(&r.Status.Conditions, v1alpha1.ConditionHeld, false, v1alpha1.ReasonNothingHeld, "")
	Set(&r.Status.Conditions, v1alpha1.ConditionStalled, false, v1alpha1.ReasonIdle, "")
	return r
}

func policy() v1alpha1.RolloutSpec {
	return v1alpha1.RolloutSpec{
		WorkloadRef: v1alpha1.WorkloadRef{Group: "apps", Kind: "Deployment", Name: "checkout"},
		ServiceRefs: []v1alpha1.ServiceRef{{Name: "checkout"}},
		RouteRefs: []v1alpha1.RouteRef{
			{Group: "gateway.networking.k8s.io", Kind: "HTTPRoute", Name: "checkout"},
			{Group: "gateway.networking.k8s.io", Kind: "HTTPRoute", Name: "checkout-partners"},
		},
		Strategy: v1alpha1.Strategy{Steps: []v1alpha1.Step{
			{
				Name: "insiders", Replicas: ptr.To(intstr.FromInt32(1)),
				Match: []v1alpha1.Match{
					{Cookies: []v1alpha1.ValueMatch{{Name: "group", Exact: ptr.To("insider")}}},
					{Headers: []v1alpha1.ValueMatch{{Name: "x-canary", Exact: ptr.To("yes")}}},
				},
				Hold: &v1alpha1.Hold{Approval: ptr.To("Required")},
			},
			{Name: "first", Weight: ptr.To(intstr.FromInt32(5)), Hold: &v1alpha1.Hold{For: lasting(10 * time.Minute)}},
			{Name: "half", Weight: ptr.To(intstr.FromInt32(50)), Hold: &v1alpha1.Hold{For: lasting(30 * time.Minute), Approval: ptr.To("Required")}},
		}},
		Timing: v1alpha1.Timing{Drain: lasting(30 * time.Second)},
	}
}

func lasting(d time.Duration) *v1alpha1.Duration {
	return &v1alpha1.Duration{Duration: metav1.Duration{Duration: d}}
}

// Release returns shop/checkout-<number>, in flight for that long and at its beginning.
func Release(number int64, since time.Duration) v1alpha1.Release {
	began := metav1.NewTime(Now.Add(-since))
	rel := v1alpha1.Release{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: fmt.Sprintf("checkout-%d", number), UID: types.UID(fmt.Sprintf("release-%d", number)),
			CreationTimestamp: began, Generation: 1,
			Labels: map[string]string{v1alpha1.LabelRollout: "checkout", v1alpha1.LabelActive: "true"},
		},
		Spec: v1alpha1.ReleaseSpec{
			Rollout: v1alpha1.RolloutIdentity{Name: "checkout", UID: "rollout-1"}, Number: number, Policy: policy(),
		},
	}
	rel.Status = v1alpha1.ReleaseStatus{
		StartedAt: &began, Weight: "0%",
		Progress: v1alpha1.Progress{Stage: v1alpha1.StageStepping, StageSince: Ago(since)},
		Stable:   revision("7d9c5bf4c8", "registry.example.com/shop/checkout:1.8.2", 4, 4),
		Canary:   revision("", "registry.example.com/shop/checkout:1.9.0", 0, 0),
	}
	return rel
}

func revision(hash, image string, ready, replicas int32) *v1alpha1.RevisionStatus {
	return &v1alpha1.RevisionStatus{
		Revision: hash, Images: []string{image}, Ready: ready, Replicas: replicas, Pods: fmt.Sprintf("%d/%d", ready, replicas),
	}
}

// Ago is a point in time before Now.
func Ago(d time.Duration) *metav1.MicroTime {
	t := metav1.NewMicroTime(Now.Add(-d))
	return &t
}

// AtStep puts a Release at a step that it entered that long ago. The steps before took a minute each.
// If inEffect is not negative, the step has been in effect for that long.
func AtStep(rel *v1alpha1.Release, index int, entered, inEffect time.Duration) {
	steps := rel.Spec.Policy.Strategy.Steps
	rel.Status.Steps = nil
	for i := range index {
		before := entered + time.Duration(index-i)*time.Minute
		rel.Status.Steps = append(rel.Status.Steps, v1alpha1.StepStatus{
			Name: steps[i].Name, Visit: 1, EnteredAt: *Ago(before), StartedAt: Ago(before - 20*time.Second), EndedAt: Ago(before - time.Minute),
		})
	}
	visit := v1alpha1.StepStatus{Name: steps[index].Name, Visit: 1, EnteredAt: *Ago(entered)}
	share := "0%"
	if steps[index].Weight != nil {
		share = fmt.Sprintf("%d%%", steps[index].Weight.IntValue())
	}
	rel.Status.StepName = steps[index].Name
	rel.Status.Progress = v1alpha1.Progress{
		Stage: v1alpha1.StageStepping, StageSince: Ago(entered), Step: int32(index), Visit: 1, Shifted: inEffect >= 0,
	}
	rel.Status.Canary = revision("5f6b9d7c55", rel.Status.Canary.Images[0], 2, 2)
	rel.Status.Weight = "0%"
	if inEffect >= 0 {
		visit.StartedAt = Ago(inEffect)
		rel.Status.Weight = share
	}
	rel.Status.Steps = append(rel.Status.Steps, visit)
	Routes(rel, share, rel.Status.Weight, "Accepted")
}

// Routes gives both routes a split.
func Routes(rel *v1alpha1.Release, asked, inEffect, evidence string) {
	rel.Status.Routes = nil
	for _, ref := range rel.Spec.Policy.RouteRefs {
		rel.Status.Routes = append(rel.Status.Routes, v1alpha1.RouteStatus{
			Kind: ref.Kind, Name: ref.Name, Asked: asked, InEffect: inEffect, Evidence: evidence,
		})
	}
}

// Decided adds a decision.
func Decided(rel *v1alpha1.Release, ago time.Duration, rule, message string) {
	rel.Status.Decisions = append(rel.Status.Decisions, v1alpha1.DecisionStatus{At: *Ago(ago), Rule: rule, Message: message})
	rel.Status.Rule, rel.Status.Message = rule, message
}

// WaitsFor sets the barrier; left is 0 where time alone doesn't pass it.
func WaitsFor(rel *v1alpha1.Release, name, message string, left time.Duration) {
	rel.Status.Barrier = &v1alpha1.Barrier{Name: name, Message: message}
	if left != 0 {
		rel.Status.Barrier.Until = Ago(-left)
	}
	rel.Status.Message = message
}

// End gives a Release an outcome, that long ago.
func End(rel *v1alpha1.Release, ago time.Duration, outcome v1alpha1.Outcome, message string) {
	ended := metav1.NewTime(Now.Add(-ago))
	rel.Labels = map[string]string{v1alpha1.LabelRollout: "checkout"}
	rel.Status.Outcome, rel.Status.EndedAt = outcome, &ended
	rel.Status.Progress.Stage, rel.Status.StepName, rel.Status.Barrier, rel.Status.Routes = v1alpha1.StageEnded, "", nil, nil
	rel.Status.Message = message
}

// Set sets a condition.
func Set(conditions *[]metav1.Condition, kind string, holds bool, reason, message string) {
	status := metav1.ConditionFalse
	if holds {
		status = metav1.ConditionTrue
	}
	for i := range *conditions {
		if c := &(*conditions)[i]; c.Type == kind {
			c.Status, c.Reason, c.Message = status, reason, message
			return
		}
	}
	*conditions = append(*conditions, metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: metav1.NewTime(Now), ObservedGeneration: 1,
	})
}
