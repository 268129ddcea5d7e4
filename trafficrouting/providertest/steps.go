package providertest

import (
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
)

// ForStep is the split of a step of a strategy that keeps nobody.
func ForStep(service string, step v1alpha1.Step) trafficrouting.Split {
	return trafficrouting.ForStep(service, v1alpha1.Strategy{}, step, "")
}

// ByLabels is a step that most kinds of route cannot take: it tells requests by labels of their callers.
func ByLabels() v1alpha1.Step {
	return v1alpha1.Step{Weight: ptr.To(intstr.FromInt32(5)), Match: []v1alpha1.Match{
		{SourceLabels: map[string]v1alpha1.LabelValue{"app": "web"}},
		{SourceLabels: map[string]v1alpha1.LabelValue{"tier": "edge"}, Headers: []v1alpha1.ValueMatch{{Name: "x-canary", Exact: ptr.To("yes")}}},
	}}
}

// Steps are splits of one Service, each the whole desired state: weights, matches and both.
func Steps(service string) []trafficrouting.Split {
	text := func(s string) *string { return ptr.To(s) }
	steps := []v1alpha1.Step{
		{},
		{Weight: ptr.To(intstr.FromInt32(10))},
		{Weight: ptr.To(intstr.FromString("0.5%")), Match: []v1alpha1.Match{
			{Headers: []v1alpha1.ValueMatch{{Name: "X-Canary", Exact: text("yes")}}},
		}},
		{Weight: ptr.To(intstr.FromInt32(50)), Match: []v1alpha1.Match{
			{Cookies: []v1alpha1.ValueMatch{{Name: "group", Regex: text("^in.*r$")}}},
			{QueryParams: []v1alpha1.ValueMatch{{Name: "v", Regex: text("2|3")}}, Method: text("POST")},
		}},
		{Match: []v1alpha1.Match{
			{Headers: []v1alpha1.ValueMatch{{Name: "x-canary", Exact: text("yes")}, {Name: "x-tenant", Regex: text("a+")}}},
		}},
		{Weight: ptr.To(intstr.FromInt32(25)), Match: []v1alpha1.Match{
			{Cookies: []v1alpha1.ValueMatch{{Name: "group", Regex: text("^in.*r$")}}},
		}},
		{Match: []v1alpha1.Match{{Headers: []v1alpha1.ValueMatch{{Name: "x-canary", Exact: text("yes")}}}}, RequestHeaders: &v1alpha1.HeaderModifier{
			Set: []v1alpha1.Header{{Name: "X-Lane", Value: "next"}}, Add: []v1alpha1.Header{{Name: "x-seen", Value: "by us"}}, Remove: []string{"X-Debug"},
		}},
		{Weight: ptr.To(intstr.FromInt32(30)), RequestHeaders: &v1alpha1.HeaderModifier{Set: []v1alpha1.Header{{Name: "x-lane", Value: "next"}}}},
		{Weight: ptr.To(intstr.FromInt32(100)), RequestHeaders: &v1alpha1.HeaderModifier{Remove: []string{"x-lane"}}},
		{Replicas: ptr.To(intstr.FromInt32(1)), Mirror: &v1alpha1.Mirror{Requests: v1alpha1.MirrorAll}},
		{Mirror: &v1alpha1.Mirror{Percent: ptr.To(int32(20))}, Match: []v1alpha1.Match{
			{Headers: []v1alpha1.ValueMatch{{Name: "X-Canary", Exact: text("yes")}}},
		}},
	}
	var splits []trafficrouting.Split
	for _, step := range steps {
		splits = append(splits, ForStep(service, step))
	}
	for _, stable := range []bool{false, true} {
		strategy := v1alpha1.Strategy{Stickiness: &v1alpha1.Stickiness{Cookie: "lane", Stable: stable}}
		splits = append(splits, trafficrouting.ForStep(service, strategy, steps[1], "checkout-7"), trafficrouting.ForStep(service, strategy, steps[5], "checkout-7"))
	}
	return append(splits, trafficrouting.AllCanary(service), trafficrouting.Between(service, 333_300))
}
