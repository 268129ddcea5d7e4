package live_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/e2e/controlplane"
)

var replicaSets = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}

// read returns the user's Service and route as they are.
func read(t *testing.T, c *controlplane.Controller, namespace string, route schema.GroupVersionResource) map[schema.GroupVersionResource]map[string]any {
	t.Helper()
	objects := map[schema.GroupVersionResource]map[string]any{}
	for _, resource := range []schema.GroupVersionResource{controlplane.Services, route} {
		obj, err := c.In(namespace, resource).Get(t.Context(), "app", metav1.GetOptions{})
		require.NoError(t, err)
		objects[resource] = written(obj)
	}
	return objects
}

// written is what a user writes of an object.
func written(obj *unstructured.Unstructured) map[string]any {
	return map[string]any{"spec": obj.Object["spec"], "labels": obj.GetLabels(), "annotations": obj.GetAnnotations()}
}

// awaitAtRest waits until a release has left nothing behind but the version, or a rejected one held.
func awaitAtRest(t *testing.T, c *controlplane.Controller, namespace string, route schema.GroupVersionResource, user map[schema.GroupVersionResource]map[string]any, outcome string) {
	t.Helper()
	controlplane.Await(t, "nothing is left of the release", func(ctx context.Context) (bool, string) {
		left, err := leftovers(ctx, c, namespace, route)
		require.NoError(t, err)
		return len(left) == 0, strings.Join(left, ", ")
	})
	require.Equal(t, user, read(t, c, namespace, route), "the user's Service and route")
	if outcome == "Promoted" {
		c.AwaitArmed(t, namespace, "app")
		requireNative(t, c, namespace)
	}
	deployment, err := c.In(namespace, controlplane.Deployments).Get(t.Context(), "app", metav1.GetOptions{})
	require.NoError(t, err)
	_, borrowed, _ := unstructured.NestedInt64(deployment.Object, "spec", "minReadySeconds")
	require.False(t, borrowed, "minReadySeconds is the user's again")
	releases, err := c.In(namespace, controlplane.Releases).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, releases.Items, 1, "Releases of one new template")
}

// leftovers names what of a release is still there.
func leftovers(ctx context.Context, c *controlplane.Controller, namespace string, route schema.GroupVersionResource) ([]string, error) {
	var left []string
	_, err := c.In(namespace, controlplane.Services).Get(ctx, "app-canary", metav1.GetOptions{})
	if err == nil {
		left = append(left, "Service app-canary")
	} else if !apierrors.IsNotFound(err) {
		return nil, err
	}
	for _, resource := range []schema.GroupVersionResource{controlplane.Deployments, replicaSets, controlplane.Services, route} {
		list, err := c.In(namespace, resource).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		for _, obj := range list.Items {
			if resource == route && obj.GetName() != "app" {
				left = append(left, obj.GetKind()+" "+obj.GetName())
			}
			for key := range obj.GetAnnotations() {
				if strings.Contains(key, "crossfade.io/") {
					left = append(left, obj.GetKind()+" "+obj.GetName()+": "+key)
				}
			}
		}
	}
	release, err := c.In(namespace, controlplane.Releases).Get(ctx, "app-1", metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	if len(release.GetFinalizers()) > 0 {
		left = append(left, "finalizer of Release app-1")
	}
	return left, nil
}

// requireStepsOnce requires that each step was taken once, in order.
func requireStepsOnce(t *testing.T, c *controlplane.Controller, namespace string) {
	t.Helper()
	release, err := c.In(namespace, controlplane.Releases).Get(t.Context(), "app-1", metav1.GetOptions{})
	require.NoError(t, err)
	steps, _, err := unstructured.NestedSlice(release.Object, "status", "steps")
	require.NoError(t, err)
	var taken []string
	for _, step := range steps {
		taken = append(taken, fmt.Sprint(step.(map[string]any)["name"], " ", step.(map[string]any)["visit"]))
	}
	require.Equal(t, []string{"quarter 1", "insiders 1", "most 1"}, taken)
}

// stream gives a watch's events on, late while the line lags.
type stream struct {
	http.ResponseWriter

	line *line
	due  chan chunk
	done chan struct{}
}

type chunk struct {
	at   time.Time
	text []byte
}

func newStream(w http.ResponseWriter, l *line) *stream {
	s := &stream{ResponseWriter: w, line: l, due: make(chan chunk, 10_000), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		for c := range s.due {
			time.Sleep(time.Until(c.at)) //nolint:forbidigo // to be late is the fault
			_, _ = s.ResponseWriter.Write(c.text)
			_ = http.NewResponseController(s.ResponseWriter).Flush()
		}
	}()
	return s
}

// Write queues what is to be given on.
func (s *stream) Write(text []byte) (int, error) {
	at := time.Now()
	if s.line.lags() {
		at = at.Add(lag)
	}
	s.due <- chunk{at, append([]byte{}, text...)}
	return len(text), nil
}

// Flush does nothing: what is queued is flushed when it is due.
func (s *stream) Flush() {}

func (s *stream) close() {
	close(s.due)
	<-s.done
}
