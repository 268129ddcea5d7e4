package api_test

import (
	"fmt"
	"slices"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/workload"
	"crossfade.io/crossfade/workload/deployment"
)

// pick draws a move that both sides are to make.
func (s *sequence) pick() (string, func(*player) error) {
	switch n := s.random.IntN(100); {
	case n < 40:
		return s.ours()
	case n < 52:
		return s.foreignTemplate()
	case n < 64:
		size := []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}[s.random.IntN(11)]
		return s.edit(fmt.Sprintf("scale to %d", size), func(spec map[string]any) { spec["replicas"] = size })
	case n < 70:
		bounds := [][2]any{{"25%", "25%"}, {int64(1), int64(0)}, {int64(0), int64(1)}, {"50%", int64(0)}, {"100%", "100%"}, {int64(2), int64(1)}}[s.random.IntN(6)]
		return s.edit(fmt.Sprintf("set strategy %v", bounds), func(spec map[string]any) {
			spec["strategy"] = map[string]any{"type": "RollingUpdate", "rollingUpdate": map[string]any{"maxSurge": bounds[0], "maxUnavailable": bounds[1]}}
		})
	case n < 75:
		seconds := []int64{0, 3600}[s.random.IntN(2)]
		return s.edit(fmt.Sprintf("set minReadySeconds %d", seconds), func(spec map[string]any) { spec["minReadySeconds"] = seconds })
	case n < 84:
		paused := s.random.IntN(3) == 0
		return s.edit(fmt.Sprintf("set paused %t", paused), func(spec map[string]any) { spec["paused"] = paused })
	default:
		return s.onPods()
	}
}

func (s *sequence) edit(name string, change func(spec map[string]any)) (string, func(*player) error) {
	return "foreign: " + name, func(p *player) error {
		return p.Edit(func(obj map[string]any) { change(obj["spec"].(map[string]any)) })
	}
}

// foreignTemplate writes a new template or an earlier one, let through, held by the gate, or such that
// its pods never start.
func (s *sequence) foreignTemplate() (string, func(*player) error) {
	version := "v" + strconv.Itoa(1+s.random.IntN(s.versions))
	if s.random.IntN(3) > 0 {
		s.versions++
		version = "v" + strconv.Itoa(s.versions)
	}
	gated, number := s.random.IntN(3) > 0, len(version)+int(version[len(version)-1])
	return s.edit(fmt.Sprintf("template %s, gated %t", version, gated), func(spec map[string]any) {
		template := spec["template"].(map[string]any)
		annotations := map[string]any{"version": version}
		pod := template["spec"].(map[string]any)
		delete(pod, "nodeSelector")
		if number%4 == 0 {
			pod["nodeSelector"] = map[string]any{nowhere: "1"}
		}
		if gated {
			annotations[v1alpha1.AnnotationPending] = v1alpha1.PendingHeld
			spec["paused"] = true
		}
		template["metadata"].(map[string]any)["annotations"] = annotations
	})
}

// onPods deletes a pod, or makes it ready or not, or sizes a ReplicaSet by hand.
func (s *sequence) onPods() (string, func(*player) error) {
	version, kind, size := "v"+strconv.Itoa(1+s.random.IntN(s.versions)), s.random.IntN(5), int64(s.random.IntN(6))
	name := []string{"delete a ready pod", "make a ready pod unready", "make a ready pod unready", "make all pods ready", fmt.Sprintf("size %d", size)}[kind]
	return "foreign: " + name + " of " + version, func(p *player) error {
		o := p.Objects()
		for _, rs := range o.Revisions {
			notes, _, _ := unstructured.NestedStringMap(rs.Object, "spec", "template", "metadata", "annotations")
			if notes["version"] != version || notes[v1alpha1.AnnotationPending] != "" {
				continue
			}
			if kind < 4 {
				return p.onPodsOf(o, rs, kind)
			}
			// It is chance whether a pod is deleted before the size is put right; with pods that were made
			// unready that would show.
			if anyUnready(o, rs) {
				return nil
			}
			return p.EditReplicaSet(rs.GetName(), func(obj map[string]any) { obj["spec"].(map[string]any)["replicas"] = size })
		}
		return nil
	}
}

func (p *player) onPodsOf(o workload.Objects, rs *unstructured.Unstructured, kind int) error {
	for _, pod := range o.Pods {
		if pod.OwnerReferences[0].UID != rs.GetUID() || pod.DeletionTimestamp != nil || !starts(rs) {
			continue
		}
		ready := slices.ContainsFunc(pod.Status.Conditions, isReady)
		switch {
		case kind == 0 && ready:
			return p.DeletePod(pod.Name)
		case kind < 3 && ready:
			return p.SetReady(pod.Name, false)
		case kind == 3 && !ready:
			if err := p.SetReady(pod.Name, true); err != nil {
				return err
			}
		}
	}
	return nil
}

// anyUnready says whether a ReplicaSet whose pods start has one that is not ready.
func anyUnready(o workload.Objects, rs *unstructured.Unstructured) bool {
	for _, pod := range o.Pods {
		if pod.OwnerReferences[0].UID == rs.GetUID() && !slices.ContainsFunc(pod.Status.Conditions, isReady) {
			return starts(rs)
		}
	}
	return false
}

func starts(rs *unstructured.Unstructured) bool {
	_, found, _ := unstructured.NestedMap(rs.Object, "spec", "template", "spec", "nodeSelector")
	return !found
}

// ours takes one want of a Release and goes up to three looks towards it.
func (s *sequence) ours() (string, func(*player) error) {
	want := workload.Want{Posture: workload.Run, Canary: int32(1 + s.random.IntN(5))}
	if s.random.IntN(2) == 0 {
		want.Posture = []workload.Posture{workload.Hold, workload.Finish, workload.Park, workload.Revert}[s.random.IntN(4)]
	}
	looks := 1 + s.random.IntN(4)
	return fmt.Sprintf("ours: %s %d, %d looks", want.Posture, want.Canary, looks), func(p *player) error { return p.towards(want, looks) }
}

// learn observes, and keeps what a Release would.
func (p *player) learn() workload.Pods {
	pods := deployment.Kind{}.Observe(p.objects())
	if p.known.Release == "" {
		p.known = workload.Objects{Release: "r/1", Stable: pods.Stable.UID}
	}
	if p.known.Canary == "" && pods.Borrowed {
		p.known.Canary = pods.Canary.UID
	}
	if p.known.Original == nil {
		p.known.Original = pods.Original
	}
	return pods
}

func (p *player) towards(want workload.Want, looks int) error {
	for conflicts := 0; looks > 0; looks-- {
		if err := p.Rest(); err != nil {
			return err
		}
		pods := p.learn()
		writes, err := deployment.Kind{}.Plan(p.objects(), want)
		if err != nil {
			return err
		}
		for _, w := range writes {
			err := p.Apply(w)
			if apierrors.IsConflict(err) && conflicts < 10 {
				// The native controller wrote in between: what was decided is out of date, so look again.
				conflicts++
				looks++
				break
			}
			if err != nil {
				return fmt.Errorf("%s: %w", w, err)
			}
		}
		if len(writes) == 0 {
			if want.Posture != workload.Run && want.Posture != workload.Hold && !pods.Borrowed {
				p.known = workload.Objects{}
			}
			return nil
		}
	}
	return nil
}
