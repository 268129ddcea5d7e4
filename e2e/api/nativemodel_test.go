package api_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/intent"
	"crossfade.io/crossfade/workload"
	"crossfade.io/crossfade/workload/nativedeployment"
)

const (
	// How many sequences of moves the model is compared over, and how many at a time.
	nativeSequences = 140
	nativeWorkers   = 24
	// nativeSeed is drawn once, so that a failure comes of a change and not of chance; make soak draws anew.
	nativeSeed = 3
	// nativeReplays is how often a sequence that differs is played again.
	nativeReplays = 2
	// nowhere is a node selector that no node has: pods with it never start.
	nowhere = "nowhere"
)

// TestNativeModel moves the model of the native Deployment controller and a real one by the same random
// writes, ours and foreign, and compares them at each rest. CROSSFADE_SEED repeats a run;
// CROSSFADE_FIRST_SEQUENCE and CROSSFADE_SEQUENCES say which part of it.
func TestNativeModel(t *testing.T) {
	seed := setting(t, "CROSSFADE_SEED", nativeSeed)
	first := int(setting(t, "CROSSFADE_FIRST_SEQUENCE", 0))
	sequences := int(setting(t, "CROSSFADE_SEQUENCES", nativeSequences))
	t.Logf("CROSSFADE_SEED=%d", seed)
	cluster := newNativeCluster(t)

	next := make(chan int)
	var failures []string
	var moves, races int
	var lock sync.Mutex
	var workers sync.WaitGroup
	for worker := range nativeWorkers {
		namespace := cluster.namespace(t, worker)
		workers.Go(func() {
			for i := range next {
				// What the real controllers race for, they may decide otherwise the next time; what the model has
				// wrong, it has wrong each time.
				s := newSequence(t, cluster, namespace, seed, i, 0)
				err := s.play()
				for again := 1; err != nil && again <= nativeReplays; again++ {
					t.Logf("sequence %d is played again: %v", i, err)
					s = newSequence(t, cluster, namespace, seed, i, again)
					err = s.play()
				}
				lock.Lock()
				moves += len(s.story)
				races += s.races
				if err != nil {
					failures = append(failures, fmt.Sprintf("sequence %d: %v\n  %s", i, err, strings.Join(s.story, "\n  ")))
				}
				lock.Unlock()
			}
		})
	}
	for i := range sequences {
		next <- first + i
	}
	close(next)
	workers.Wait()
	t.Logf("%d sequences, %d moves compared, %d races ended the other way, %d sequences differ", sequences, moves, races, len(failures))
	require.Empty(t, failures, strings.Join(failures, "\n"))
}

// setting reads a number from the environment.
func setting(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(s, 10, 64)
	require.NoError(t, err)
	return n
}

// side is the model or the real cluster.
type side interface {
	Objects() workload.Objects
	Apply(intent.Write) error
	Edit(func(obj map[string]any)) error
	EditReplicaSet(name string, change func(obj map[string]any)) error
	SetReady(pod string, ready bool) error
	DeletePod(pod string) error
	// Rest returns when nothing moves any more.
	Rest() error
}

// player is one side and what a Release would know of it.
type player struct {
	side
	known workload.Objects
}

func (p *player) objects() workload.Objects {
	o := p.Objects()
	o.Stable, o.Canary, o.Release, o.Original = p.known.Stable, p.known.Canary, p.known.Release, p.known.Original
	return o
}

// sequence plays one sequence of moves on both sides.
type sequence struct {
	random      *rand.Rand
	model, real *player
	versions    int
	story       []string
	races       int
	// again plays the last move on the model as it was before, with the controllers' races turned.
	again func(nativedeployment.Races) error
}

type modelSide struct{ *nativedeployment.Model }

func (m modelSide) Rest() error { return m.Settle() }

func (m modelSide) SetReady(pod string, ready bool) error {
	m.Model.SetReady(pod, ready)
	return nil
}

func (m modelSide) DeletePod(pod string) error {
	m.Model.DeletePod(pod)
	return nil
}

func newSequence(t *testing.T, cluster *nativeCluster, namespace string, seed uint64, number, again int) *sequence {
	s := &sequence{random: rand.New(rand.NewPCG(seed, uint64(number)))}
	obj := nativeDeployment(namespace, fmt.Sprintf("d%d-%d", number, again), int64(1+s.random.IntN(6)))
	model := nativedeployment.New(obj)
	model.Starts = func(template map[string]any) bool {
		_, found, _ := unstructured.NestedMap(template, "spec", "nodeSelector")
		return !found
	}
	s.model = &player{side: modelSide{model}}
	s.real = &player{side: &realSide{t: t, cluster: cluster, obj: obj}}
	return s
}

func nativeDeployment(namespace, name string, replicas int64) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": map[string]any{"name": name, "namespace": namespace},
		"spec": map[string]any{
			"replicas": replicas, "revisionHistoryLimit": int64(10), "progressDeadlineSeconds": int64(7200),
			"selector": map[string]any{"matchLabels": map[string]any{"app": name}},
			"strategy": map[string]any{"type": "RollingUpdate", "rollingUpdate": map[string]any{"maxSurge": "25%", "maxUnavailable": "25%"}},
			"template": map[string]any{
				"metadata": map[string]any{"labels": map[string]any{"app": name}, "annotations": map[string]any{"version": "v1"}},
				"spec":     map[string]any{"terminationGracePeriodSeconds": int64(0), "containers": []any{map[string]any{"name": "app", "image": "app:1"}}},
			},
		},
	}}
}

func (s *sequence) play() error {
	s.versions = 1
	if err := s.real.side.(*realSide).create(); err != nil {
		return err
	}
	defer s.real.side.(*realSide).remove()
	for range 8 + s.random.IntN(13) {
		if err := s.compare(); err != nil {
			return err
		}
		name, move := s.pick()
		s.story = append(s.story, name)
		before, known := s.model.side.(modelSide).Clone(), s.model.known
		s.again = func(races nativedeployment.Races) error {
			world := before.Clone()
			world.Races = races
			s.model = &player{side: modelSide{world}, known: known}
			return errors.Join(move(s.model), s.model.Rest())
		}
		for _, p := range []*player{s.model, s.real} {
			if err := move(p); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return s.compare()
}

// compare lets both sides come to rest, and compares what they show then. Where the real controllers
// race, either end of it will do.
func (s *sequence) compare() error {
	if err := s.model.Rest(); err != nil {
		return err
	}
	want := nativePicture(s.model.Objects())
	real := s.real.side.(*realSide)
	real.expect = want
	if err := real.Rest(); err != nil {
		return err
	}
	got := nativePicture(s.real.Objects())
	if len(s.story) > 0 {
		s.story[len(s.story)-1] += "\n      -> " + strings.Join(got, "; ")
	}
	for _, races := range []nativedeployment.Races{
		{Patient: true},
		{Hasty: true},
		{Patient: true, Hasty: true},
		{Eager: true},
		{Eager: true, Patient: true},
		{Eager: true, Hasty: true},
		{Eager: true, Patient: true, Hasty: true},
	} {
		if slices.Equal(nativePicture(s.model.Objects()), got) || s.again == nil {
			break
		}
		if err := s.again(races); err != nil {
			return err
		}
		s.races++
	}
	s.model.side.(modelSide).Races = nativedeployment.Races{}
	if now := nativePicture(s.model.Objects()); !slices.Equal(now, got) {
		return fmt.Errorf("at rest the model and the real controller differ:\n  model %s\n  or    %s\n  real  %s",
			strings.Join(want, "; "), strings.Join(now, "; "), strings.Join(got, "; "))
	}
	return nil
}

// nativePicture tells what both sides must agree on: for each template the sizes, pods, and notes of the
// native controller.
func nativePicture(o workload.Objects) []string {
	var out []string
	for _, rs := range o.Revisions {
		pods, ready := 0, 0
		for _, pod := range o.Pods {
			if pod.DeletionTimestamp != nil || pod.OwnerReferences[0].UID != rs.GetUID() {
				continue
			}
			pods++
			for _, c := range pod.Status.Conditions {
				if c.Type == "Ready" && c.Status == "True" {
					ready++
				}
			}
		}
		version, _, _ := unstructured.NestedString(rs.Object, "spec", "template", "metadata", "annotations", "version")
		if marker, marked, _ := unstructured.NestedString(rs.Object, "spec", "template", "metadata", "annotations", v1alpha1.AnnotationPending); marked {
			version += "+" + marker
		}
		size, _, _ := unstructured.NestedInt64(rs.Object, "spec", "replicas")
		minReady, _, _ := unstructured.NestedInt64(rs.Object, "spec", "minReadySeconds")
		available, _, _ := unstructured.NestedInt64(rs.Object, "status", "availableReplicas")
		notes := rs.GetAnnotations()
		line := fmt.Sprintf("%s: %d asked, %d pods, %d ready, %d available, minReady %d, revision %s", version, size, pods, ready, available, minReady,
			notes["deployment.kubernetes.io/revision"])
		if size > 0 { // the notes of others are not read
			line += fmt.Sprintf(", noted %s/%s", notes["deployment.kubernetes.io/desired-replicas"], notes["deployment.kubernetes.io/max-replicas"])
		}
		out = append(out, line)
	}
	slices.Sort(out)
	size, _, _ := unstructured.NestedInt64(o.Workload.Object, "spec", "replicas")
	paused, _, _ := unstructured.NestedBool(o.Workload.Object, "spec", "paused")
	return append(out, fmt.Sprintf("deployment: %d, paused %t", size, paused))
}
