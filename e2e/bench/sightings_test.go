package bench_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	apiwatch "k8s.io/apimachinery/pkg/watch"

	"crossfade.io/crossfade/e2e/controlplane"
)

// sightings is when the benchmark's own watches saw each stage of a release.
type sightings struct {
	mu                       sync.Mutex
	changed                  *sync.Cond
	watches                  []apiwatch.Interface
	name                     string
	known                    map[string]bool
	pod, weight, zero, ended time.Time
}

// watch begins to look at one application: what exists now is no news.
func watch(b *testing.B, c *controlplane.Controller, namespace, name string) *sightings {
	s := &sightings{name: name, known: map[string]bool{}}
	s.changed = sync.NewCond(&s.mu)
	pods, err := c.In(namespace, controlplane.Pods).List(b.Context(), metav1.ListOptions{LabelSelector: "app=" + name})
	require.NoError(b, err)
	for _, p := range pods.Items {
		s.known[p.GetName()] = true
	}
	follow := func(w apiwatch.Interface, err error, note func(*unstructured.Unstructured, time.Time)) {
		require.NoError(b, err)
		s.watches = append(s.watches, w)
		go func() {
			for event := range w.ResultChan() {
				if obj, ok := event.Object.(*unstructured.Unstructured); ok {
					s.mu.Lock()
					note(obj, time.Now())
					s.changed.Broadcast()
					s.mu.Unlock()
				}
			}
		}()
	}
	w, err := c.In(namespace, controlplane.Pods).Watch(b.Context(), metav1.ListOptions{LabelSelector: "app=" + name, ResourceVersion: pods.GetResourceVersion()})
	follow(w, err, s.notePod)
	w, err = c.In(namespace, controlplane.HTTPRoutes).Watch(b.Context(), metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	follow(w, err, s.noteRoute)
	w, err = c.In(namespace, controlplane.Releases).Watch(b.Context(), metav1.ListOptions{LabelSelector: "crossfade.io/rollout=" + name, ResourceVersion: pods.GetResourceVersion()})
	follow(w, err, s.noteRelease)
	return s
}

func (s *sightings) notePod(pod *unstructured.Unstructured, at time.Time) {
	if !s.known[pod.GetName()] && s.pod.IsZero() {
		s.pod = at
	}
}

func (s *sightings) noteRoute(route *unstructured.Unstructured, at time.Time) {
	rules, _, _ := unstructured.NestedSlice(route.Object, "spec", "rules")
	for _, r := range rules {
		refs, _, _ := unstructured.NestedSlice(r.(map[string]any), "backendRefs")
		for _, ref := range refs {
			backend := ref.(map[string]any)
			if name, _ := backend["name"].(string); !strings.HasSuffix(name, "-canary") {
				continue
			}
			weight, _ := backend["weight"].(int64)
			if weight > 0 && s.weight.IsZero() {
				s.weight = at
			}
			if weight == 0 && !s.weight.IsZero() && s.zero.IsZero() {
				s.zero = at
			}
		}
	}
}

func (s *sightings) noteRelease(release *unstructured.Unstructured, at time.Time) {
	outcome, _, _ := unstructured.NestedString(release.Object, "status", "outcome")
	if outcome != "" && s.ended.IsZero() {
		s.ended = at
	}
}

// after waits for a sighting and returns how long after start it came, in milliseconds.
func (s *sightings) after(b *testing.B, start time.Time, what string, of func(*sightings) time.Time) float64 {
	b.Helper()
	timeout := time.AfterFunc(3*time.Minute, func() { s.changed.Broadcast() })
	defer timeout.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for of(s).IsZero() {
		require.Less(b, time.Since(start), 3*time.Minute, "never saw: %s of %s", what, s.name)
		s.changed.Wait()
	}
	return milliseconds(of(s).Sub(start))
}

func (s *sightings) stop() {
	for _, w := range s.watches {
		w.Stop()
	}
}
