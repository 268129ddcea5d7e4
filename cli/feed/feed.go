// Package feed reads Rollouts and Releases from the API server, once or for as long as they are
// looked at. It never writes.
package feed

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// Scope is what is looked at: one Rollout, or with an empty Name all of a namespace, or with an empty
// Namespace too all of the cluster.
type Scope struct {
	Namespace, Name string
}

// Snapshot is what was there at one moment.
type Snapshot struct {
	// Rollouts in the order of their names.
	Rollouts []v1alpha1.Rollout
	// Releases of these namespaces, in no order.
	Releases []v1alpha1.Release
	// Err says why the snapshot may be out of date. Nil means that it is not.
	Err error
}

// Read returns what the scope holds now.
func Read(ctx context.Context, c client.Reader, scope Scope) (Snapshot, error) {
	var rollouts v1alpha1.RolloutList
	if err := c.List(ctx, &rollouts, client.InNamespace(scope.Namespace)); err != nil {
		return Snapshot{}, explain("Rollouts", err)
	}
	snapshot := Snapshot{Rollouts: scope.of(rollouts.Items)}
	var releases v1alpha1.ReleaseList
	options := []client.ListOption{client.InNamespace(scope.Namespace)}
	if scope.Name != "" {
		options = append(options, client.MatchingLabels{v1alpha1.LabelRollout: scope.Name})
	}
	if err := c.List(ctx, &releases, options...); err != nil {
		return Snapshot{}, explain("Releases", err)
	}
	snapshot.Releases = releases.Items
	if scope.Name != "" && len(snapshot.Rollouts) == 0 {
		return Snapshot{}, NotThere(scope, rollouts.Items)
	}
	return snapshot, nil
}

// of keeps the Rollouts of the scope, in order.
func (s Scope) of(all []v1alpha1.Rollout) []v1alpha1.Rollout {
	var kept []v1alpha1.Rollout
	for _, r := range all {
		if s.Name == "" || r.Name == s.Name {
			kept = append(kept, r)
		}
	}
	slices.SortFunc(kept, func(a, b v1alpha1.Rollout) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return kept
}

// NotThere is the error for a Rollout that does not exist, with those that do.
func NotThere(scope Scope, all []v1alpha1.Rollout) error {
	if len(all) == 0 {
		return fmt.Errorf("read Rollout %s/%s: not found; namespace %s has no Rollouts, choose another one with -n",
			scope.Namespace, scope.Name, scope.Namespace)
	}
	names := make([]string, 0, len(all))
	for _, r := range all {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	return fmt.Errorf("read Rollout %s/%s: not found; there are: %s", scope.Namespace, scope.Name, strings.Join(names, ", "))
}

// explain names the mend where the API server does not know the kind at all.
func explain(kind string, err error) error {
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("list %s: the cluster does not serve crossfade.io/v1alpha1; install Crossfade there, or choose another cluster with --context", kind)
	}
	return fmt.Errorf("list %s: %w", kind, err)
}
