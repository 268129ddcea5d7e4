package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/control"
	"crossfade.io/crossfade/cli/feed"
	"crossfade.io/crossfade/cli/reading"
)

// fieldManager of all writes of this program.
const fieldManager = "kubectl-crossfade"

// patience is how a verb repeats itself when the Release changed under it; each time it is read and
// decided on again.
var patience = wait.Backoff{Steps: 8, Duration: 20 * time.Millisecond, Factor: 1.5, Jitter: 0.2}

func (s *session) controlCommands() []*cobra.Command {
	approve := s.verb("approve", "Approve the step that the Release in flight waits at",
		"Approve the step that the Release in flight waits at, or with --step one that is still to come.", nil)
	step := approve.Flags().String("step", "", "the step to approve; by default the one that the Release waits at")
	approve.RunE = func(cmd *cobra.Command, args []string) error {
		return s.ask(cmd, args[0], control.Approve(*step))
	}
	_ = approve.RegisterFlagCompletionFunc("step", s.completeStep) // fails only for a flag that isn't there
	goTo := &cobra.Command{
		Use: "goto ROLLOUT STEP", Short: "Send the Release in flight to one of its steps",
		Long: "Send the Release in flight to one of its steps: back, or forward over steps that the Rollout calls skippable.\n" +
			"A weight that falls does so at once; what holds at the step holds again, approvals included.",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: s.completeGoTo,
		RunE:              func(cmd *cobra.Command, args []string) error { return s.ask(cmd, args[0], control.GoTo(args[1])) },
	}
	ship := s.verb("ship", "Give the version of the Release in flight everything at once, in an emergency",
		"Give the version of the Release in flight everything without waiting for holds, evidence or freezes. Its pods must be\n"+
			"ready all the same, and an abort takes it back. The reason stays in the record, and the next version takes the steps.", nil)
	reason := ship.Flags().String("reason", "", "why, such as the number of an incident; required")
	_ = ship.MarkFlagRequired("reason") // fails only for a flag that isn't there
	ship.RunE = func(cmd *cobra.Command, args []string) error { return s.ask(cmd, args[0], control.Ship(*reason)) }
	return []*cobra.Command{
		approve,
		goTo,
		ship,
		s.verb("refresh", "Take the Rollout's steps of now for what has not begun",
			"Have the Release in flight take the Rollout's steps, as they are now, for all that come after the step that it is at.",
			control.Refresh),
		s.verb("pause", "Keep the Release in flight where it is",
			"Keep the Release in flight where it is. It still goes back by itself if the canary fails.", control.Pause),
		s.verb("resume", "Let a paused Release go on",
			"Let a Release that was paused with kubectl crossfade pause go on. It is no approval, and a Deployment that\n"+
				"was paused with kubectl rollout pause stays paused.", control.Resume),
		s.verb("abort", "Take all traffic back to the stable version",
			"Take all traffic back to the stable version and reject the new one. This is final for the Release, and wins\n"+
				"over everything else until the point of no return, where the old pods begin to go.", control.Abort),
		s.verb("promote", "Go on to full traffic without waiting for the rest of the steps",
			"Go on to full traffic without waiting for the rest of the steps, neither for time nor for approval.", control.Promote),
	}
}

func (s *session) verb(name, short, long string, verb control.Verb) *cobra.Command {
	return &cobra.Command{
		Use: name + " ROLLOUT", Short: short, Long: long,
		Args:              s.oneRollout,
		ValidArgsFunction: s.completeRollout,
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.ask(cmd, args[0], verb)
		},
	}
}

// ask has a verb decide on the Release in flight, writes what it decided, and prints its sentence. The
// write carries the resourceVersion that was decided on, so that of two people none undoes the other.
func (s *session) ask(cmd *cobra.Command, rollout string, verb control.Verb) error {
	c, scope, err := s.connect(rollout)
	if err != nil {
		return err
	}
	var answer control.Answer
	var asked string
	err = retry.RetryOnConflict(patience, func() error {
		rel, err := s.inFlight(cmd, c, scope)
		if err != nil {
			return err
		}
		if answer, err = verb(rel); err != nil || !answer.Changed {
			return err
		}
		asked = rel.Namespace + "/" + rel.Name
		return write(cmd.Context(), c, rel, answer.Control)
	})
	switch {
	case apierrors.IsConflict(err):
		return fmt.Errorf("%s Release %s: it kept changing meanwhile; try again", cmd.Name(), asked)
	case apierrors.ReasonForError(err) != "" && asked != "":
		return fmt.Errorf("%s Release %s: %w", cmd.Name(), asked, err)
	case err != nil:
		return err
	}
	_, err = fmt.Fprintln(s.Streams.Out, finish(answer.Message))
	return err
}

func write(ctx context.Context, c client.Client, rel *v1alpha1.Release, next v1alpha1.Control) error {
	changed := rel.DeepCopy()
	changed.Spec.Control = next
	return c.Patch(ctx, changed, client.MergeFromWithOptions(rel, client.MergeFromWithOptimisticLock{}), client.FieldOwner(fieldManager))
}

// inFlight reads the Release in flight, or says why there is none.
func (s *session) inFlight(cmd *cobra.Command, c client.Reader, scope feed.Scope) (*v1alpha1.Release, error) {
	snapshot, err := feed.Read(cmd.Context(), c, scope)
	if err != nil {
		return nil, err
	}
	rollout := &snapshot.Rollouts[0]
	if rel := reading.InFlight(rollout, snapshot.Releases); rel != nil {
		return rel, nil
	}
	return nil, fmt.Errorf("%s Rollout %s/%s: no Release is in flight; %s", cmd.Name(), scope.Namespace, scope.Name,
		reading.History(rollout, snapshot.Releases, s.Now()))
}

// finish ends a sentence, unless it ends in a command to type.
func finish(message string) string {
	if strings.Contains(message[strings.LastIndex(message, ": ")+1:], "kubectl ") {
		return message
	}
	return strings.TrimSuffix(message, ".") + "."
}
