package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/control"
	"crossfade.io/crossfade/cli/feed"
	"crossfade.io/crossfade/cli/passage"
	"crossfade.io/crossfade/cli/reading"
)

// lookEvery is how often wait looks.
const lookEvery = 500 * time.Millisecond

func (s *session) workloadCommands() []*cobra.Command {
	undo := s.verb("undo", "Go back to an earlier version",
		"Go back to an earlier version: to the stable one while a Release is in flight or what it rejected is held, which\n"+
			"kubectl rollout undo refuses, and else to the one before. The template of the Deployment is written, as by\n"+
			"kubectl apply: with GitOps, take the change back in Git instead.", nil)
	revision := undo.Flags().Int64("to-revision", 0, "the revision to go back to, as kubectl rollout history counts")
	undo.RunE = func(cmd *cobra.Command, args []string) error { return s.undo(cmd, args[0], *revision) }
	waits := s.verb("wait", "Wait until the Deployment's template has all traffic, or never will",
		"Wait until the template that the Deployment has now is through: exit code 0 once all pods have it and its Release, if\n"+
			"it needed one, was promoted; 1 if it was rejected or replaced, or the time is over.", nil)
	timeout := waits.Flags().Duration("timeout", 0, "how long to wait; 0 waits for as long as it takes")
	waits.RunE = func(cmd *cobra.Command, args []string) error { return s.wait(cmd, args[0], *timeout) }
	return []*cobra.Command{
		undo, waits,
		{
			Use: "retry ROLLOUT", Short: "Try the template again that the last Release rejected",
			Long: "Try the template again that the last Release rejected: a new Release takes the steps of the Rollout.",
			Args: s.oneRollout, ValidArgsFunction: s.completeRollout,
			RunE: func(cmd *cobra.Command, args []string) error { return s.retry(cmd, args[0]) },
		},
	}
}

// see reads a Rollout and its workload, in the order that passage needs.
func see(ctx context.Context, c client.Reader, scope feed.Scope) (passage.Sight, error) {
	before, err := feed.Read(ctx, c, scope)
	if err != nil {
		return passage.Sight{}, err
	}
	sight := passage.Sight{Workload: &unstructured.Unstructured{}}
	sight.Workload.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("Deployment"))
	name := before.Rollouts[0].Spec.WorkloadRef.Name
	if err := c.Get(ctx, client.ObjectKey{Namespace: scope.Namespace, Name: name}, sight.Workload); err != nil {
		return passage.Sight{}, fmt.Errorf("read Deployment %s/%s: %w", scope.Namespace, name, err)
	}
	revisions := &unstructured.UnstructuredList{}
	revisions.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("ReplicaSetList"))
	if err := c.List(ctx, revisions, client.InNamespace(scope.Namespace)); err != nil {
		return passage.Sight{}, fmt.Errorf("list ReplicaSets of namespace %s: %w", scope.Namespace, err)
	}
	for i := range revisions.Items {
		if metav1.IsControlledBy(&revisions.Items[i], sight.Workload) {
			sight.Revisions = append(sight.Revisions, &revisions.Items[i])
		}
	}
	sight.Snapshot, err = feed.Read(ctx, c, scope)
	return sight, err
}

// wait looks until the template of now is through.
func (s *session) wait(cmd *cobra.Command, rollout string, timeout time.Duration) error {
	c, scope, err := s.connect(rollout)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	sight, err := see(ctx, c, scope)
	if err != nil {
		return err
	}
	template, err := sight.Template()
	if err != nil {
		return err
	}
	told, place := "", sight.Of(template)
	tell := func() error {
		if place.Message == told || place.Failure != nil {
			return nil
		}
		told = place.Message
		_, err := fmt.Fprintln(s.Streams.Out, finish(capital(told)))
		return err
	}
	if err := tell(); err != nil {
		return err
	}
	err = wait.PollUntilContextCancel(ctx, lookEvery, true, func(ctx context.Context) (bool, error) {
		if place.Over {
			return true, place.Failure
		}
		sight, err := see(ctx, c, scope)
		switch {
		case apierrors.IsNotFound(err) || apierrors.IsForbidden(err):
			return false, err
		case err != nil: // the API server may be away for a while
			_, err := fmt.Fprintf(s.Streams.ErrOut, "warning: %v; trying again\n", err)
			return false, err
		}
		place = sight.Of(template)
		return place.Over, errors.Join(place.Failure, tell())
	})
	if ctx.Err() != nil && timeout > 0 {
		return fmt.Errorf("wait for Rollout %s/%s: not through within %s: %s", scope.Namespace, rollout, timeout, place.Message)
	}
	if err != nil {
		return fmt.Errorf("wait for Rollout %s/%s: %w", scope.Namespace, rollout, err)
	}
	return nil
}

// capital begins a sentence with a clause.
func capital(clause string) string {
	if clause == "" {
		return ""
	}
	return strings.ToUpper(clause[:1]) + clause[1:]
}

// undo writes the template of an earlier revision.
func (s *session) undo(cmd *cobra.Command, rollout string, number int64) error {
	c, scope, err := s.connect(rollout)
	if err != nil {
		return err
	}
	sight, err := see(cmd.Context(), c, scope)
	if err != nil {
		return err
	}
	of := scope.Namespace + "/" + sight.Workload.GetName()
	earlier, err := sight.Undo(number)
	if err != nil {
		return fmt.Errorf("undo Deployment %s: %w", of, err)
	}
	patch, err := json.Marshal([]map[string]any{
		{"op": "test", "path": "/metadata/resourceVersion", "value": sight.Workload.GetResourceVersion()},
		{"op": "replace", "path": "/spec/template", "value": earlier.Template},
	})
	if err != nil {
		return fmt.Errorf("encode the template of Deployment %s: %w", of, err)
	}
	if err := c.Patch(cmd.Context(), sight.Workload, client.RawPatch(types.JSONPatchType, patch), client.FieldOwner(fieldManager)); err != nil {
		return fmt.Errorf("undo Deployment %s: %w", of, err)
	}
	_, err = fmt.Fprintln(s.Streams.Out, finish(fmt.Sprintf("Wrote the template of revision %d to Deployment %s: %s", earlier.Number, of, earlier.Message)))
	return err
}

// retry marks the Rollout, so that what its last Release rejected is tried again.
func (s *session) retry(cmd *cobra.Command, rollout string) error {
	c, scope, err := s.connect(rollout)
	if err != nil {
		return err
	}
	snapshot, err := feed.Read(cmd.Context(), c, scope)
	if err != nil {
		return err
	}
	found := &snapshot.Rollouts[0]
	last := reading.Last(found, snapshot.Releases)
	if !passage.Rejects(last) {
		return fmt.Errorf("retry Rollout %s/%s: no rejected template is held; %s", scope.Namespace, rollout, reading.History(found, snapshot.Releases, s.Now()))
	}
	if found.Annotations[v1alpha1.AnnotationRetry] != last.Name {
		marked := found.DeepCopy()
		if marked.Annotations == nil {
			marked.Annotations = map[string]string{}
		}
		marked.Annotations[v1alpha1.AnnotationRetry] = last.Name
		if err := c.Patch(cmd.Context(), marked, client.MergeFrom(found), client.FieldOwner(fieldManager)); err != nil {
			return fmt.Errorf("retry Rollout %s/%s: %w", scope.Namespace, rollout, err)
		}
	}
	_, err = fmt.Fprintln(s.Streams.Out, finish(fmt.Sprintf("Asked for another Release of what %s rejected; follow it with: %s wait %s -n %s",
		last.Name, control.Command, rollout, scope.Namespace)))
	return err
}
