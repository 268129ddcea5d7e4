package suite_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// story is every Release of one namespace, or of all, in every state that the API server told of.
type story struct {
	mu     sync.Mutex
	states []v1alpha1.Release
}

// follow tells the story until the test ends; of all namespaces if none is named.
func follow(t *testing.T, namespace string) *story {
	s := &story{}
	watchAll(t, &v1alpha1.ReleaseList{}, namespace, func(obj runtime.Object) {
		if release, ok := obj.(*v1alpha1.Release); ok {
			s.mu.Lock()
			s.states = append(s.states, *release)
			s.mu.Unlock()
		}
	})
	return s
}

// watchAll shows each state of the objects of a kind in a namespace, or in all if none is named, until the test ends.
func watchAll(t *testing.T, kind client.ObjectList, namespace string, show func(runtime.Object)) {
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() {
		for ctx.Err() == nil {
			watchOnce(ctx, kind, namespace, show)
		}
	})
	t.Cleanup(func() {
		cancel()
		ended.Wait()
	})
}

// watchOnce shows states until the API server ends the watch.
func watchOnce(ctx context.Context, kind client.ObjectList, namespace string, show func(runtime.Object)) {
	watcher, err := shared.Client.Watch(ctx, kind, client.InNamespace(namespace))
	if err != nil {
		return
	}
	defer watcher.Stop()
	for event := range watcher.ResultChan() {
		show(event.Object)
	}
}

// of gives the states of one Release, oldest first.
func (s *story) of(number int64) []v1alpha1.Release {
	s.mu.Lock()
	defer s.mu.Unlock()
	var states []v1alpha1.Release
	for _, state := range s.states {
		if state.Spec.Number == number {
			states = append(states, state)
		}
	}
	return states
}

// last is the latest state of one Release; nil before there is one.
func (s *story) last(number int64) *v1alpha1.Release {
	states := s.of(number)
	if len(states) == 0 {
		return nil
	}
	return &states[len(states)-1]
}

// latest is the latest state of the latest Release.
func (s *story) latest() *v1alpha1.Release {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &s.states[len(s.states)-1]
}

// enteredStage is when a Release entered a stage; zero if it was not seen to.
func (s *story) enteredStage(number int64, stage v1alpha1.Stage) time.Time {
	for _, state := range s.of(number) {
		if state.Status.Progress.Stage == stage {
			return state.Status.Progress.StageSince.Time
		}
	}
	return time.Time{}
}

// ruleIn is the rule that fired last in a namespace; empty before the first.
func (s *story) ruleIn(namespace string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, state := range slices.Backward(s.states) {
		if state.Namespace == namespace {
			return state.Status.Rule
		}
	}
	return ""
}

// awaitStep waits until a step is in effect.
func (s *scenario) awaitStep(number int64, name string) v1alpha1.StepStatus {
	s.t.Helper()
	var found v1alpha1.StepStatus
	s.awaitRelease(number, "step "+name+" in effect", func(release *v1alpha1.Release) bool {
		for _, step := range release.Status.Steps {
			if step.Name == name && step.StartedAt != nil {
				found = step
				return true
			}
		}
		return false
	})
	return found
}

// awaitOutcome waits until a Release has ended and the controller has let go of it, and requires how: the outcome is
// written before the last deletions, the finalizer goes after them.
func (s *scenario) awaitOutcome(number int64, outcome v1alpha1.Outcome) *v1alpha1.Release {
	s.t.Helper()
	release := s.awaitRelease(number, "an outcome, and no finalizer", func(release *v1alpha1.Release) bool {
		return release.Status.Outcome != "" && len(release.Finalizers) == 0
	})
	require.Equal(s.t, outcome, release.Status.Outcome, release.Status.Message)
	s.logf("Release %d: %s after %s: %s", number, outcome,
		release.Status.EndedAt.Sub(release.CreationTimestamp.Time), release.Status.Progress.CauseMessage)
	return release
}

func (s *scenario) awaitRelease(number int64, what string, enough func(*v1alpha1.Release) bool) *v1alpha1.Release {
	s.t.Helper()
	var release *v1alpha1.Release
	s.eventually(s.patience, fmt.Sprintf("Release %d: %s", number, what), func() (string, bool) {
		if release = s.story.last(number); release == nil {
			return "there is no such Release", false
		}
		return fmt.Sprintf("%s at %s: %s", release.Status.Rule, release.Status.Progress.Stage, release.Status.Message), enough(release)
	})
	return release
}

// control asks something of a Release.
func (s *scenario) control(number int64, ask func(*v1alpha1.Control)) {
	s.t.Helper()
	release := s.story.last(number).DeepCopy()
	asked := release.DeepCopy()
	ask(&asked.Spec.Control)
	require.NoError(s.t, shared.Client.Patch(s.ctx, asked, client.MergeFrom(release)))
}

// abort asks the first Release to go back.
func (s *scenario) abort() {
	s.t.Helper()
	s.control(1, func(c *v1alpha1.Control) { c.DesiredOutcome = v1alpha1.OutcomeAbort })
}

func (s *scenario) approve(number int64, step string) {
	s.t.Helper()
	s.control(number, func(c *v1alpha1.Control) { c.Approvals = append(c.Approvals, v1alpha1.Approval{Step: step, Visit: 1}) })
}
