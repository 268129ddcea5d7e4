package metricsadapter

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/e2e/manifest"
	"crossfade.io/crossfade/e2e/suite/world"
)

// patience bounds how long it may take until metrics are served: metrics-server has none before its second look.
const patience = 3 * time.Minute

//go:embed objects.yaml
var manifests string

// Installation is what makes a cluster serve metrics.
type Installation struct {
	External External

	world *world.World
	// objects are those made, in this order.
	objects []*unstructured.Unstructured
	stop    context.CancelFunc
	ended   chan error
}

// Install makes a cluster serve external metrics out of this process and resource metrics by metrics-server, and
// returns once both are served. Remove undoes it, also after an error.
func Install(ctx context.Context, w *world.World) (*Installation, error) {
	i := &Installation{world: w, ended: make(chan error, 1)}
	listener, err := w.Cluster.Listen()
	if err != nil {
		return nil, err
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	i.stop = stop
	go func() { i.ended <- i.External.Serve(serving, listener, w.Cluster.Kubeconfig()) }()
	image, err := w.LoadProgram(ctx, "metrics-server")
	if err != nil {
		return i, err
	}
	objects, err := manifest.Render(manifests, struct {
		Port  int
		Image string
	}{listener.Addr().(*net.TCPAddr).Port, image})
	if err != nil {
		return i, err
	}
	for _, obj := range objects {
		if err := w.Apply(ctx, obj); err != nil {
			return i, err
		}
		i.objects = append(i.objects, obj)
	}
	return i, i.await(ctx)
}

// Remove takes all of it out again. An API that nobody serves would keep namespaces from going.
func (i *Installation) Remove(ctx context.Context) error {
	var failed []error
	for _, obj := range slices.Backward(i.objects) {
		if err := i.world.Client.Delete(ctx, obj); client.IgnoreNotFound(err) != nil {
			failed = append(failed, fmt.Errorf("delete %s %s: %w", obj.GetKind(), obj.GetName(), err))
		}
	}
	i.stop()
	return errors.Join(append(failed, <-i.ended)...)
}

// await returns once the API server has found both APIs to be served.
func (i *Installation) await(ctx context.Context) error {
	seen := ""
	err := wait.PollUntilContextTimeout(ctx, time.Second, patience, true, func(ctx context.Context) (bool, error) {
		select {
		case err := <-i.ended:
			i.ended <- err
			return false, err
		default:
		}
		for _, obj := range i.objects {
			if obj.GetKind() != "APIService" {
				continue
			}
			live := obj.DeepCopy()
			if err := i.world.Client.Get(ctx, client.ObjectKeyFromObject(obj), live); err != nil {
				return false, err
			}
			conditions, _, err := unstructured.NestedSlice(live.Object, "status", "conditions")
			if err != nil {
				return false, err
			}
			seen = fmt.Sprintf("%s: %v", obj.GetName(), conditions)
			if !available(conditions) {
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("wait for metrics: %w; last seen: %s", err, seen)
	}
	return nil
}

func available(conditions []any) bool {
	return slices.ContainsFunc(conditions, func(c any) bool {
		condition, _ := c.(map[string]any)
		return condition["type"] == "Available" && condition["status"] == "True"
	})
}
