package release_test

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// mirroring is a step that gives the canary copies alone.
func mirroring() options {
	return options{steps: []v1alpha1.Step{
		{Name: "shadow", Replicas: ptr.To(intstr.FromInt32(1)), Mirror: &v1alpha1.Mirror{Requests: v1alpha1.MirrorAll}, Hold: approval()},
		weigh("half", 50, approval()),
	}}
}

// storiesOfLanes are of what steps do to requests beside sharing them.
var storiesOfLanes = map[string]story{
	"mirror-promote": {"The canary gets copies before it answers anybody.", mirroring(), func(w *world) {
		begin(w)
		w.at("shadow")
		w.approve("shadow")
		w.at("half")
		w.approve("half")
		w.end(v1alpha1.OutcomePromoted)
	}},
	"mirror-emptied": {"Somebody takes the Service out of the user's rule, and leaves our copy of it, which is not there for itself.", mirroring(), func(w *world) {
		begin(w)
		w.at("shadow")
		w.tale.line(w, "you", "send the rule's requests to Service next")
		emptied := func(route *unstructured.Unstructured) *unstructured.Unstructured {
			out := route.DeepCopy()
			list := out.Object["spec"].(map[string]any)["rules"].([]any)
			list[len(list)-1].(map[string]any)["backendRefs"] = []any{map[string]any{"name": "next", "port": int64(80)}}
			return out
		}
		live, wished := w.store.get(kindRoute, "checkout"), w.user.objects[keyOf(kindRoute, "checkout")]
		w.wish(emptied(wished))
		w.store.put(emptied(live))
		w.end(v1alpha1.OutcomeFailed)
	}},
	"sticky-promote": {"Who got the canary stays there, which may be all: it has the pods for that.", options{
		steps: []v1alpha1.Step{weigh("quarter", 25, approval())},
		change: func(p *v1alpha1.RolloutSpec) {
			p.Strategy.Stickiness = &v1alpha1.Stickiness{Cookie: "lane"}
		},
	}, func(w *world) {
		begin(w)
		w.at("quarter")
		w.approve("quarter")
		w.end(v1alpha1.OutcomePromoted)
	}},
}
