package admission

import (
	"fmt"
	"strings"

	"crossfade.io/crossfade/apis/v1alpha1"
)

func workloads(ignored []string) Table {
	hold := []Change{
		{Do: Set, Path: []string{"spec", "paused"}, Value: "true"},
		{Do: Set, Path: marker(), Value: literal(v1alpha1.PendingHeld)},
	}
	return Table{
		Name: "workloads", Group: "apps", Version: "v1", Resource: "deployments",
		Label: v1alpha1.LabelRollout,
		Gated: "!" + has("oldObject", annotation(v1alpha1.AnnotationOriginal)),
		Facts: workloadFacts(ignored),
		Rules: []Rule{{
			Name:     "label",
			Protects: "A replace that drops our label would disarm the workload. Foreign hands may add it.",
			When:     has("oldObject", label(v1alpha1.LabelRollout)),
			Changes:  []Change{{Do: Keep, Path: label(v1alpha1.LabelRollout)}},
		}, {
			Name: "wanted",
			Protects: "What foreign writes wanted would be lost with the annotations, or an undo would revive an older record. " +
				"Only a write that leaves our other annotations alone may speak for it: our own result, when we are asked again.",
			When: fmt.Sprintf("!variables.borrowed\n|| !%s\n|| %s\n|| %s",
				has("object", annotation(v1alpha1.AnnotationWanted)),
				changed(annotation(v1alpha1.AnnotationOriginal)),
				changed(annotation(v1alpha1.AnnotationRelease))),
			Changes: []Change{{Do: Keep, Path: annotation(v1alpha1.AnnotationWanted)}},
		}, {
			Name:     "annotations",
			Protects: "Restoring and the guard of the borrowed fields need them; an undo would revive those of an older release.",
			Changes: []Change{
				{Do: Keep, Path: annotation(v1alpha1.AnnotationOriginal)},
				{Do: Keep, Path: annotation(v1alpha1.AnnotationRelease)},
			},
		}, {
			Name:     "gate",
			Protects: "A new template would roll out by itself.",
			When:     "variables.templateChanged",
			Changes:  hold,
		}, {
			Name: "held",
			Protects: "Un-paused, a held template would roll out; without the marker, the native controller would recognise " +
				"the stable template when it is applied again and delete every canary pod at once.",
			When:    "variables.held",
			Changes: hold,
		}, {
			Name: "stray-marker",
			Protects: "A marker that came with a copy of a held manifest, or a hold whose change a later webhook took back, " +
				"would hold a template that runs.",
			When: fmt.Sprintf("!variables.held && !variables.templateChanged && %s", has("object", marker())),
			Changes: []Change{
				{Do: Remove, Path: marker()},
				{Do: Keep, Path: []string{"spec", "paused"}},
			},
		}, {
			Name:     "record",
			Protects: "What a foreign write wanted of the borrowed fields would be lost when they are restored.",
			When:     "variables.borrowed && variables.wellFormed && !(variables.record in [\"{}\", variables.wanted])",
			Changes:  []Change{{Do: Set, Path: annotation(v1alpha1.AnnotationWanted), Value: "variables.record"}},
		}, {
			Name: "borrowed-fields",
			Protects: "With minReadySeconds or the strategy back, the native controller would take stable pods away or finish " +
				"the roll; a progressDeadlineSeconds below our minReadySeconds would be refused.",
			When: "variables.borrowed && variables.wellFormed",
			Changes: []Change{
				{Do: Keep, Path: []string{"spec", minReady}},
				{Do: Keep, Path: []string{"spec", progressDeadline}},
				{Do: Keep, Path: []string{"spec", "strategy"}},
			},
		}},
	}
}

func workloadFacts(ignored []string) []Fact {
	const template = ".spec.?template"
	facts := []Fact{
		{"held", has("oldObject", marker())},
		{"borrowed", has("oldObject", annotation(v1alpha1.AnnotationOriginal))},
		{"exempt", fmt.Sprintf("[%s] + (variables.borrowed ? [] : %s)",
			literal(v1alpha1.AnnotationPending), list(ignored))},
		{"templateWritten", "object" + template + ".?metadata.orValue({})"},
		{"templateStored", "oldObject" + template + ".?metadata.orValue({})"},
		{"annotationsWritten", "object" + template + ".?metadata.?annotations.orValue({})"},
		{"annotationsStored", "oldObject" + template + ".?metadata.?annotations.orValue({})"},
		{"templateChanged", strings.Join([]string{
			"object" + template + ".?spec != oldObject" + template + ".?spec",
			differ("variables.templateWritten", "variables.templateStored", list([]string{"annotations"})),
			differ("variables.annotationsWritten", "variables.annotationsStored", "variables.exempt"),
		}, "\n|| ")},
	}
	return append(facts, wantedFacts()...)
}

// differ is true if two maps differ in a key that is not exempt. CEL cannot take a key out of a map.
func differ(a, b, exempt string) string {
	return fmt.Sprintf("!%[1]s.all(k, k in %[3]s || (k in %[2]s && %[2]s[k] == %[1]s[k]))\n|| !%[2]s.all(k, k in %[3]s || k in %[1]s)",
		a, b, exempt)
}
