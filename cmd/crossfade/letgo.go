package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release"
)

// letGo takes a controller's place, and returns once no Release is in flight and no workload is armed. What it leaves
// unfinished, interrupted, the next attempt goes on with.
func letGo(ctx context.Context, mgr ctrl.Manager, deployment string) error {
	if err := stop(ctx, mgr.GetConfig(), deployment); err != nil {
		return err
	}
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	farewell := &farewell{reader: mgr.GetAPIReader(), log: mgr.GetLogger(), end: cancel}
	if err := mgr.Add(farewell); err != nil {
		return fmt.Errorf("wait for the end: %w", err)
	}
	if err := start(running, mgr); err != nil {
		return err
	}
	if !farewell.done {
		return errors.New("interrupted before everything was let go")
	}
	return nil
}

// installedBy is what Helm notes on what it has installed. Where it is missing the chart was rendered and applied, its
// hook too, and nobody uninstalls anything.
const installedBy = "meta.helm.sh/release-name"

// stop scales a Deployment to 0. One that is gone is stopped.
func stop(ctx context.Context, config *rest.Config, deployment string) error {
	namespace, name, ok := strings.Cut(deployment, "/")
	if !ok {
		return fmt.Errorf("--let-go %q is not understood; give it as namespace/name", deployment)
	}
	c, err := client.New(config, client.Options{})
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	obj := &appsv1.Deployment{}
	err = c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, obj)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read Deployment %s: %w", deployment, err)
	}
	if obj.Annotations[installedBy] == "" {
		return fmt.Errorf("stop Deployment %s: it has no annotation %s, so Helm did not install it and this is no uninstallation; render the chart with --no-hooks", deployment, installedBy)
	}
	err = c.SubResource("scale").Patch(ctx, obj, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"replicas":0}}`)))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("stop Deployment %s: %w", deployment, err)
	}
	return nil
}

// farewell waits, as the leader, until nothing is left to let go of.
type farewell struct {
	reader client.Reader
	log    logr.Logger
	end    context.CancelFunc
	done   bool
}

var _ manager.LeaderElectionRunnable = &farewell{}

// NeedLeaderElection is true: while another controller leads, it makes anew what is let go.
func (*farewell) NeedLeaderElection() bool { return true }

// Start ends the process when it is done.
func (f *farewell) Start(ctx context.Context) error {
	err := wait.PollUntilContextCancel(ctx, time.Second, true, func(ctx context.Context) (bool, error) {
		left, err := f.left(ctx)
		if err != nil {
			f.log.Error(err, "Not known what is left")
			return false, nil
		}
		f.log.Info("Letting go", "left", left)
		return len(left) == 0, nil
	})
	if f.done = err == nil; f.done {
		f.end()
	}
	return nil
}

// left names the Releases in flight, with what they wait for, and the armed workloads.
func (f *farewell) left(ctx context.Context) ([]string, error) {
	var left []string
	var releases v1alpha1.ReleaseList
	if err := f.reader.List(ctx, &releases, client.HasLabels{v1alpha1.LabelActive}); err != nil {
		return nil, fmt.Errorf("list Releases in flight: %w", err)
	}
	for _, r := range releases.Items {
		left = append(left, fmt.Sprintf("Release %s/%s: %s", r.Namespace, r.Name, r.Status.Message))
	}
	workloads := &metav1.PartialObjectMetadataList{}
	workloads.SetGroupVersionKind(release.DeploymentKind.GroupVersion().WithKind("DeploymentList"))
	if err := f.reader.List(ctx, workloads, client.HasLabels{v1alpha1.LabelRollout}); err != nil {
		return nil, fmt.Errorf("list armed Deployments: %w", err)
	}
	for _, w := range workloads.Items {
		if w.Labels[v1alpha1.LabelRollout] != "" { // an empty name is nobody's
			left = append(left, fmt.Sprintf("Deployment %s/%s", w.Namespace, w.Name))
		}
	}
	return left, nil
}
