package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/intstr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/reading"
)

// left says what remains of a clock; it rounds up, so that 0s means over.
func left(d time.Duration) string { return reading.Span(max(d, 0) + time.Second - time.Nanosecond) }

// sentence gives a message a capital and a full stop.
func sentence(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return strings.TrimRight(string(unicode.ToUpper(first))+s[size:], ".") + "."
}

// split says which requests a step gives to the canary, and the pods that it asks for.
func split(s v1alpha1.Step) string {
	var parts []string
	if s.Weight != nil {
		parts = append(parts, percent(*s.Weight))
	}
	for i, m := range s.Match {
		if i == 0 {
			parts = append(parts, match(m))
		} else {
			parts[len(parts)-1] += " or " + match(m)
		}
	}
	if s.Mirror != nil {
		parts = append(parts, mirror(*s.Mirror))
	}
	if s.RequestHeaders != nil {
		parts = append(parts, "changed headers")
	}
	if s.Replicas != nil {
		parts = append(parts, podsOf(*s.Replicas))
	}
	return strings.Join(parts, " · ")
}

func percent(v intstr.IntOrString) string {
	if v.Type == intstr.Int {
		return fmt.Sprintf("%d%%", v.IntVal)
	}
	return v.StrVal
}

func podsOf(v intstr.IntOrString) string {
	switch {
	case v.Type == intstr.String:
		return v.StrVal + " of the pods"
	case v.IntVal == 1:
		return "1 pod"
	}
	return fmt.Sprintf("%d pods", v.IntVal)
}

func mirror(m v1alpha1.Mirror) string {
	of := "GET and HEAD"
	if m.Requests == v1alpha1.MirrorAll {
		of = "all"
	}
	if m.Percent != nil {
		return fmt.Sprintf("copies of %d%% of %s", *m.Percent, of)
	}
	return "copies of " + of
}

func match(m v1alpha1.Match) string {
	var parts []string
	for _, group := range []struct {
		word   string
		values []v1alpha1.ValueMatch
	}{{"header ", m.Headers}, {"cookie ", m.Cookies}, {"query ", m.QueryParams}} {
		for _, v := range group.values {
			parts = append(parts, group.word+value(v))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(m.SourceLabels)) {
		parts = append(parts, "caller "+key+"="+string(m.SourceLabels[key]))
	}
	if m.Method != nil {
		parts = append(parts, "method "+*m.Method)
	}
	return strings.Join(parts, " and ")
}

func value(v v1alpha1.ValueMatch) string {
	switch {
	case v.Exact != nil:
		return v.Name + "=" + *v.Exact
	case v.Regex != nil:
		return v.Name + "~" + *v.Regex
	}
	return v.Name
}

// joined sets a dot between what isn't empty.
func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " · ")
}

// hold says what a step waits for before the next one.
func hold(s v1alpha1.Step) string {
	if s.Hold == nil {
		return ""
	}
	var parts []string
	if s.Hold.For != nil {
		parts = append(parts, "holds "+reading.Span(s.Hold.For.Duration.Duration))
	}
	if s.Hold.Approval != nil {
		parts = append(parts, "needs approval")
	}
	return strings.Join(parts, ", ")
}

// images names a revision's images; digests are cut to what tells them apart.
func images(r *v1alpha1.RevisionStatus) string {
	short := make([]string, 0, len(r.Images))
	for _, image := range r.Images {
		if at := strings.Index(image, "@sha256:"); at >= 0 && len(image) > at+20 {
			image = image[:at+20] + "…"
		}
		short = append(short, image)
	}
	return strings.Join(short, ", ")
}

// doing says in words what a stage does.
var doing = map[v1alpha1.Stage]string{
	"":                              "the controller is about to begin",
	v1alpha1.StageStepping:          "the steps are taken",
	v1alpha1.StageFilling:           "the new version grows to full size",
	v1alpha1.StageFlipping:          "routes send everything to the new version",
	v1alpha1.StageUnpinning:         "Services select both versions",
	v1alpha1.StageRepinning:         "Services select the new version alone",
	v1alpha1.StageDraining:          "the old pods drain",
	v1alpha1.StageKeeping:           "the old pods are kept",
	v1alpha1.StageRetiring:          "the old pods go",
	v1alpha1.StageReturning:         "Services and routes turn back to what they were",
	v1alpha1.StageRestoring:         "routes become what they were",
	v1alpha1.StageCleaning:          "the workload is given back",
	v1alpha1.StageEnded:             "what Crossfade made is removed",
	v1alpha1.StageWidening:          "Services select both versions",
	v1alpha1.StageDescending:        "routes go back down the weights of the steps",
	v1alpha1.StageWithdrawing:       "routes send everything to the stable version",
	v1alpha1.StageWithdrawnDraining: "the canary's pods drain",
	v1alpha1.StageObserving:         "the canary's pods are kept for a look",
	v1alpha1.StageRetreating:        "the canary's pods go",
	v1alpha1.StageReopening:         "Services and routes become what they were",
}
