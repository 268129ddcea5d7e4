// Package arguments fills in what stands for arguments and facts of a Release in a template of metrics. It is pure.
package arguments

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// Facts returns the names of what a template may ask of a Release, in the order of the documentation.
func Facts() []string {
	return []string{
		"namespace", "rollout", "name", "service", "canaryService", "canaryHash", "stableHash", "canaryReplicaSet", "stableReplicaSet", "step", "weight",
	}
}

// Expand returns a copy of the template in which each {{args.NAME}} is the argument's value and each {{release.NAME}} that fact,
// in whatever is asked or compared. Names, of metrics and of Secrets, stay as they are. Its errors are one sentence for
// people.
func Expand(spec v1alpha1.AnalysisTemplateSpec, given []v1alpha1.Argument, facts map[string]string) (v1alpha1.AnalysisTemplateSpec, error) {
	values, err := valuesOf(spec.Args, given)
	if err != nil {
		return v1alpha1.AnalysisTemplateSpec{}, err
	}
	if err := hosts(spec.Source); err != nil {
		return v1alpha1.AnalysisTemplateSpec{}, err
	}
	if err := lasting(spec); err != nil {
		return v1alpha1.AnalysisTemplateSpec{}, err
	}
	tree, err := decode(spec)
	if err != nil {
		return v1alpha1.AnalysisTemplateSpec{}, err
	}
	delete(tree, "args") // a default is a value, and says nothing about others
	if err := (filler{values, facts}).fill(tree, false); err != nil {
		return v1alpha1.AnalysisTemplateSpec{}, err
	}
	text, err := json.Marshal(tree)
	if err != nil {
		return v1alpha1.AnalysisTemplateSpec{}, fmt.Errorf("encode the template: %w", err)
	}
	var out v1alpha1.AnalysisTemplateSpec
	if err := json.Unmarshal(text, &out); err != nil {
		return v1alpha1.AnalysisTemplateSpec{}, fmt.Errorf("decode the template: %w", err)
	}
	for _, arg := range spec.Args {
		out.Args = append(out.Args, *arg.DeepCopy())
	}
	return out, nil
}

// Check says in one sentence why a template can't be used with these arguments, whatever the Release is; nil if it can.
func Check(spec v1alpha1.AnalysisTemplateSpec, given []v1alpha1.Argument) error {
	facts := map[string]string{}
	for _, name := range Facts() {
		facts[name] = "1"
	}
	_, err := Expand(spec, given, facts)
	return err
}

// valuesOf are the arguments' values, with defaults.
func valuesOf(specs []v1alpha1.ArgumentSpec, given []v1alpha1.Argument) (map[string]string, error) {
	for _, arg := range given {
		if !slices.ContainsFunc(specs, func(s v1alpha1.ArgumentSpec) bool { return s.Name == arg.Name }) {
			return nil, fmt.Errorf("the template has no argument %s; %s", arg.Name, choose("leave it out", namesOf(specs)))
		}
	}
	values := map[string]string{}
	for _, spec := range specs {
		i := slices.IndexFunc(given, func(arg v1alpha1.Argument) bool { return arg.Name == spec.Name })
		switch {
		case i >= 0:
			values[spec.Name] = string(given[i].Value)
		case spec.Default != nil:
			values[spec.Name] = string(*spec.Default)
		default:
			return nil, fmt.Errorf("argument %s has no value; give one, or give the template a default", spec.Name)
		}
		if wants := wanted(spec.Type, values[spec.Name]); wants != "" {
			return nil, fmt.Errorf("argument %s is %q, which is no %s; give %s", spec.Name, values[spec.Name], spec.Type, wants)
		}
	}
	return values, nil
}

var (
	decimal = regexp.MustCompile(`^-?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?$`)
	// duration is what Prometheus takes too.
	duration = regexp.MustCompile(`^([0-9]+(ms|[smhdwy]))+$`)
)

// wanted says what values of a type are like; "" if this is one.
func wanted(kind, value string) string {
	switch kind {
	case "Integer":
		if _, err := strconv.ParseInt(value, 10, 64); err != nil || strings.HasPrefix(value, "+") {
			return "a whole number, such as 5"
		}
	case "Number":
		if number, err := strconv.ParseFloat(value, 64); err != nil || math.IsInf(number, 0) || !decimal.MatchString(value) {
			return "a number, such as 0.5"
		}
	case "Duration":
		if !duration.MatchString(value) {
			return "whole numbers with units, such as 90s or 1h30m"
		}
	}
	return ""
}

func decode(spec v1alpha1.AnalysisTemplateSpec) (map[string]any, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("encode the template: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	tree := map[string]any{}
	if err := decoder.Decode(&tree); err != nil {
		return nil, fmt.Errorf("decode the template: %w", err)
	}
	return tree, nil
}

func namesOf(specs []v1alpha1.ArgumentSpec) []string {
	names := make([]string, len(specs))
	for i, spec := range specs {
		names[i] = spec.Name
	}
	return names
}

// choose is a mend with what may be chosen instead.
func choose(mend string, names []string) string {
	if len(names) == 0 {
		return mend
	}
	return mend + ", or use " + strings.Join(names, ", ")
}
