package nativedeployment

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// What the native controller notes on ReplicaSets.
const (
	labelHash          = "pod-template-hash"
	annotationRevision = "deployment.kubernetes.io/revision"
	annotationHistory  = "deployment.kubernetes.io/revision-history"
	annotationDesired  = "deployment.kubernetes.io/desired-replicas"
	annotationMax      = "deployment.kubernetes.io/max-replicas"
	annotationApplied  = "kubectl.kubernetes.io/last-applied-configuration"
	annotationRollback = "deprecated.deployment.rollback.to"
)

// look is one pass of the Deployment controller. It reads once at its beginning, as the real one reads
// its caches: the status of a ReplicaSet that it changes stays as it was read until the next pass.
type look struct {
	m        *Model
	replicas int32
	minReady int32
	paused   bool
	// surge and unavailable are the resolved bounds. Both are never 0 together: the native controller
	// then takes unavailable for 1.
	surge, unavailable int32
	template           map[string]any
	// all are the ReplicaSets, oldest first; current, one of them, has the Deployment's template.
	all     []*set
	current *set
}

// set is a ReplicaSet within one pass.
type set struct {
	obj                 *unstructured.Unstructured
	replicas, available int32
}

func (m *Model) look() *look {
	obj := m.Deployment.Object
	l := &look{
		m:        m,
		replicas: int32At(obj, 1, "spec", "replicas"),
		minReady: int32At(obj, 0, "spec", "minReadySeconds"),
		template: trunk(child(obj, "spec", "template")),
	}
	l.paused, _, _ = unstructured.NestedBool(obj, "spec", "paused")
	rolling := child(obj, "spec", "strategy", "rollingUpdate")
	l.surge = bound(rolling["maxSurge"], l.replicas, true)
	l.unavailable = bound(rolling["maxUnavailable"], l.replicas, false)
	if l.surge == 0 && l.unavailable == 0 {
		l.unavailable = 1
	}
	l.unavailable = min(l.unavailable, l.replicas)
	for _, rs := range m.ReplicaSets {
		l.all = append(l.all, &set{
			obj: rs, replicas: int32At(rs.Object, 1, "spec", "replicas"),
			available: int32At(rs.Object, 0, "status", "availableReplicas"),
		})
	}
	slices.SortStableFunc(l.all, byAge)
	for _, s := range l.all {
		if equalTemplates(l.template, trunk(child(s.obj.Object, "spec", "template"))) {
			l.current = s
			break
		}
	}
	return l
}

// byAge orders by creation, then by name.
func byAge(a, b *set) int {
	ta, tb := a.obj.GetCreationTimestamp(), b.obj.GetCreationTimestamp()
	if c := ta.Compare(tb.Time); c != 0 {
		return c
	}
	return strings.Compare(a.obj.GetName(), b.obj.GetName())
}

// old are all sets but the current one, oldest first.
func (l *look) old() []*set {
	return slices.DeleteFunc(slices.Clone(l.all), func(s *set) bool { return s == l.current })
}

func active(sets []*set) []*set {
	return slices.DeleteFunc(slices.Clone(sets), func(s *set) bool { return s.replicas == 0 })
}

func sum(sets []*set) (replicas, available int32) {
	for _, s := range sets {
		replicas += s.replicas
		available += s.available
	}
	return replicas, available
}

// maxPods is how many pods there may be; without a Deployment's size nothing may surge.
func (l *look) maxPods() int32 { return l.replicas + l.surge }

// refresh brings the current set's annotations, revision and minReadySeconds up to date, and the
// Deployment's revision. It says whether the set was written.
func (l *look) refresh() bool {
	if l.current == nil {
		return false
	}
	written := l.write(l.current, func(obj *unstructured.Unstructured) {
		l.annotate(obj)
		setMinReady(obj, l.minReady)
	})
	if !written {
		l.noteRevision()
	}
	return written
}

func setMinReady(obj *unstructured.Unstructured, seconds int32) {
	delete(child(obj.Object, "spec"), "minReadySeconds")
	if seconds != 0 {
		put(obj.Object, int64(seconds), "spec", "minReadySeconds")
	}
}

// annotate copies the Deployment's annotations, never taking any off, and numbers the revision: one
// more than the highest of the others.
func (l *look) annotate(obj *unstructured.Unstructured) {
	annotations := obj.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	for key, value := range l.m.Deployment.GetAnnotations() {
		switch key {
		case annotationRevision, annotationHistory, annotationDesired, annotationMax, annotationApplied, annotationRollback:
		default:
			annotations[key] = value
		}
	}
	var highest int64
	for _, s := range l.old() {
		highest = max(highest, revisionOf(s))
	}
	was, had := annotations[annotationRevision]
	if n, _ := parse(was); n < highest+1 {
		annotations[annotationRevision] = strconv.FormatInt(highest+1, 10)
		if had {
			annotations[annotationHistory] = strings.TrimPrefix(annotations[annotationHistory]+","+was, ",")
		}
	}
	obj.SetAnnotations(annotations)
}

func revisionOf(s *set) int64 {
	n, _ := parse(s.obj.GetAnnotations()[annotationRevision])
	return n
}

func (l *look) noteRevision() {
	revision := l.current.obj.GetAnnotations()[annotationRevision]
	if l.m.Deployment.GetAnnotations()[annotationRevision] == revision {
		return
	}
	want := l.m.Deployment.DeepCopy()
	put(want.Object, revision, "metadata", "annotations", annotationRevision)
	l.m.must(l.m.store(l.m.Deployment, want))
}

// scale sets the size of a set, and with it the notes of the Deployment's size. Unless forced, nothing
// is written, not even outdated notes, if the size is right. It says whether the size changed.
func (l *look) scale(s *set, replicas int32, force bool) bool {
	changed := s.replicas != replicas
	if !changed && !force {
		return false
	}
	l.write(s, func(obj *unstructured.Unstructured) {
		put(obj.Object, int64(replicas), "spec", "replicas")
		l.noteSize(obj)
	})
	s.replicas = replicas
	return changed
}

func (l *look) noteSize(obj *unstructured.Unstructured) {
	put(obj.Object, strconv.Itoa(int(l.replicas)), "metadata", "annotations", annotationDesired)
	put(obj.Object, strconv.Itoa(int(l.maxPods())), "metadata", "annotations", annotationMax)
}

// write changes a set's object, and says whether there was anything to change.
func (l *look) write(s *set, change func(*unstructured.Unstructured)) bool {
	want := s.obj.DeepCopy()
	change(want)
	before := l.m.version
	l.m.must(l.m.store(s.obj, want))
	if l.m.version == before {
		return false
	}
	s.obj = want
	return true
}

// create makes the current set, with as many pods as the bounds leave.
func (l *look) create() {
	hash := hashOf(l.template)
	template := runtime.DeepCopyJSON(child(l.m.Deployment.Object, "spec", "template"))
	put(template, hash, "metadata", "labels", labelHash)
	selector := runtime.DeepCopyJSON(child(l.m.Deployment.Object, "spec", "selector"))
	put(selector, hash, "matchLabels", labelHash)
	obj := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps/v1", "kind": "ReplicaSet",
		"metadata": map[string]any{
			"labels": runtime.DeepCopyJSONValue(child(template, "metadata", "labels")),
			"ownerReferences": []any{map[string]any{
				"apiVersion": "apps/v1", "kind": "Deployment", "name": l.m.Deployment.GetName(),
				"uid": string(l.m.Deployment.GetUID()), "controller": true, "blockOwnerDeletion": true,
			}},
		},
		"spec": map[string]any{"replicas": int64(0), "selector": selector, "template": template},
	}}
	m := l.m
	m.version++
	obj.SetName(fmt.Sprintf("%s-%s", m.Deployment.GetName(), hash))
	obj.SetNamespace(m.Deployment.GetNamespace())
	obj.SetUID(types.UID(fmt.Sprintf("uid-of-%s-%d", obj.GetName(), m.version)))
	obj.SetResourceVersion(strconv.FormatInt(m.version, 10))
	obj.SetGeneration(1)
	obj.SetCreationTimestamp(metav1.NewTime(m.nextCreation()))
	setMinReady(obj, l.minReady)
	l.annotate(obj)
	s := &set{obj: obj}
	l.current = s
	l.all = append(l.all, s)
	s.replicas = l.room()
	put(obj.Object, int64(s.replicas), "spec", "replicas")
	l.noteSize(obj)
	m.ReplicaSets = append(slices.Clone(m.ReplicaSets), obj)
	l.noteRevision()
}

// room is the size that the current set may grow to.
func (l *look) room() int32 {
	total, _ := sum(l.all)
	if total >= l.maxPods() {
		return l.current.replicas
	}
	return l.current.replicas + min(l.maxPods()-total, l.replicas-l.current.replicas)
}

// must stops on a write of the controllers themselves that is refused: the world is then not one that an
// API server would have let come about.
func (m *Model) must(err error) {
	if err != nil {
		panic(err)
	}
}

// historyLimit is how many old ReplicaSets are kept.
func (l *look) historyLimit() (int, bool) {
	n, ok := number(l.m.Deployment.Object, "spec", "revisionHistoryLimit")
	return int(n), ok && n != math.MaxInt32
}
