package admission

import (
	"fmt"
	"strconv"
	"strings"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// The fields that a Release borrows, under spec, beside strategy.
const (
	minReady         = "minReadySeconds"
	progressDeadline = "progressDeadlineSeconds"
)

// The record of what foreign writes wanted is compact JSON with v1alpha1.Original's keys in its order,
// those present that some write wanted:
//
//	{"minReadySeconds":5,"progressDeadlineSeconds":600,
//	 "strategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":1,"maxSurge":"25%"}}}
//
// minReadySeconds null means that the field was dropped. strategy is whole: a leaf of it that no write
// named is the recorded one, else the original one. A write that asks for what is already known (the
// record, else the original) adds nothing, so that the user's own manifest shows no difference.
//
// CEL reads no JSON, so what is known is found by its text; crossfade.io/original must be compact too.
const (
	scalarPattern   = `"%s":(null|[1-9][0-9]*)`
	leafPattern     = `"%s":("[^"]*"|[0-9]+)`
	strategyPattern = `"strategy":[{][^{}]*([{][^{}]*[}])?[}]`
)

func wantedFacts() []Fact {
	facts := []Fact{
		{"original", at("oldObject", annotation(v1alpha1.AnnotationOriginal)) + `.orValue("")`},
		{"wanted", at("object", annotation(v1alpha1.AnnotationWanted)) + `.orValue("")`},
		{"rolling", "object.spec.?strategy.?rollingUpdate.orValue({})"},
		{"rollingStored", "oldObject.spec.?strategy.?rollingUpdate.orValue({})"},
		{"wellFormed", wellFormed()},
	}
	facts = append(facts, scalar(minReady)...)
	facts = append(facts, scalar(progressDeadline)...)
	facts = append(facts, leaf("maxUnavailable")...)
	facts = append(facts, leaf("maxSurge")...)
	facts = append(facts, strategy()...)
	return append(facts, Fact{"record", fmt.Sprintf(
		`"{" + [variables.%sRecord, variables.%sRecord, variables.strategyRecord].filter(s, s != "").join(",") + "}"`,
		minReady, progressDeadline)})
}

// wellFormed is false for values that the API server refuses whatever stands beside them. They are
// left in the object, so that it does refuse them.
func wellFormed() string {
	bound := func(name string) string {
		v := "variables.rolling.?" + name + ".orValue(0)"
		return fmt.Sprintf(`(type(%[1]s) == string ? string(%[1]s).matches("^[0-9]+%%$") : %[1]s >= 0)`, v)
	}
	return strings.Join([]string{
		"object.spec.?" + minReady + ".orValue(0) >= 0",
		"object.spec.?" + progressDeadline + ".orValue(1) > 0",
		`object.spec.?strategy.?type.orValue("") in ["RollingUpdate", "Recreate"]`,
		bound("maxUnavailable"),
		bound("maxSurge"),
	}, "\n&& ")
}

// scalar defines NAMERecord: the record's text for a number under spec, or "".
func scalar(name string) []Fact {
	path := []string{"spec", name}
	null := literal(fmt.Sprintf("%q:null", name))
	return []Fact{
		{name + "Wanted", fmt.Sprintf("%s ? %s + string(object.spec.%s) : %s", has("object", path), literal(strconv.Quote(name)+":"), name, null)},
		{name + "Found", find("variables.wanted", scalarPattern, name)},
		{name + "InOriginal", find("variables.original", scalarPattern, name)},
		{name + "Original", orElse("variables."+name+"InOriginal", null)},
		{name + "Record", record(name, same(path))},
	}
}

// leaf defines NAMELeaf: the record's text for a bound of the strategy, or "" if none is known.
func leaf(name string) []Fact {
	path := "variables.rolling.?" + name
	return []Fact{
		{name + "Original", find("variables.original", leafPattern, name)},
		{name + "Found", find("variables.wanted", leafPattern, name)},
		{name + "Known", orElse("variables."+name+"Found", "variables."+name+"Original")},
		{name + "Leaf", fmt.Sprintf("%s in [optional.none(), variables.rollingStored.?%s] ? variables.%sKnown :\n%s + (type(%s) == string ? %s : string(%s))",
			path, name, name, literal(strconv.Quote(name)+":"), path+".value()", `"\"" + string(`+path+`.value()) + "\""`, path+".value()")},
	}
}

// strategy defines strategyRecord. A stored strategy is ours and rolls, so a written one that is no
// Recreate and differs wants rolling with other bounds.
func strategy() []Fact {
	rolling := func(suffix string) string {
		return fmt.Sprintf(`%s + [variables.maxUnavailable%[2]s, variables.maxSurge%[2]s].filter(s, s != "").join(",") + "}}"`,
			literal(`"strategy":{"type":"RollingUpdate","rollingUpdate":{`), suffix)
	}
	return []Fact{
		{"strategyWanted", fmt.Sprintf("object.spec.?strategy.?type.orValue(\"\") == \"Recreate\"\n? %s\n: %s",
			literal(`"strategy":{"type":"Recreate"}`), rolling("Leaf"))},
		{"strategyFound", find("variables.wanted", strategyPattern)},
		{"strategyOriginal", rolling("Original")},
		{"strategyRecord", record("strategy", same([]string{"spec", "strategy"}))},
	}
}

// record keeps what was found unless the write changed the field to something that is not known yet.
func record(name, unchanged string) string {
	return fmt.Sprintf("%[2]s || variables.%[1]sWanted == %[3]s\n? variables.%[1]sFound\n: variables.%[1]sWanted",
		name, unchanged, orElse("variables."+name+"Found", "variables."+name+"Original"))
}

func find(in, pattern string, names ...any) string {
	return fmt.Sprintf("%s.find(%s)", in, literal(fmt.Sprintf(pattern, names...)))
}

func orElse(text, other string) string {
	return fmt.Sprintf("(%[1]s != \"\" ? %[1]s : %[2]s)", text, other)
}
