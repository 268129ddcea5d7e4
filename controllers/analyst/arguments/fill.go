package arguments

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	// slot is what stands for something else.
	slot = regexp.MustCompile(`[{][{]\s*(args|release)[.]([a-zA-Z0-9]*)\s*[}][}]`)
	// braces are what is meant to be one, perhaps. No language of queries has a use for them but one: in a Job they may be
	// anything.
	braces = regexp.MustCompile(`[{][{]\s*([a-zA-Z][-a-zA-Z0-9_.]*)\s*[}][}]`)
	// kept are the fields that are names, of what is there whatever the arguments are.
	kept = []string{"name", "key", "basic", "certificate", "client", "keys"}
)

// filler puts in what slots stand for.
type filler struct {
	args, facts map[string]string
}

// fill walks through decoded JSON, in a fixed order, so that of several errors it is always the same. job says that it is
// what Kubernetes is given, whose names are filled in too.
func (f filler) fill(tree any, job bool) error {
	switch tree := tree.(type) {
	case map[string]any:
		var keys []string
		for key := range tree {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			if !job && slices.Contains(kept, key) {
				continue
			}
			filled, err := f.filled(tree[key], job || key == "job")
			if err != nil {
				return err
			}
			tree[key] = filled
		}
	case []any:
		for i := range tree {
			filled, err := f.filled(tree[i], job)
			if err != nil {
				return err
			}
			tree[i] = filled
		}
	}
	return nil
}

func (f filler) filled(value any, job bool) (any, error) {
	text, is := value.(string)
	if !is {
		return value, f.fill(value, job)
	}
	var problem error
	out := slot.ReplaceAllStringFunc(text, func(found string) string {
		parts := slot.FindStringSubmatch(found)
		with, err := f.value(parts[1], parts[2])
		if err != nil && problem == nil {
			problem = err
		}
		return with
	})
	if left := braces.FindStringSubmatch(text); problem == nil && left != nil && !job && !slot.MatchString(left[0]) {
		problem = fmt.Errorf("{{%s}} stands for nothing; write {{args.NAME}} or {{release.NAME}}", left[1])
	}
	return out, problem
}

func (f filler) value(of, name string) (string, error) {
	if of == "args" {
		value, known := f.args[name]
		if !known {
			return "", fmt.Errorf("{{args.%s}} is no argument of the template; add it to spec.args, or correct it", name)
		}
		return value, nil
	}
	value, known := f.facts[name]
	if !known {
		if slices.Contains(Facts(), name) {
			return "", fmt.Errorf("{{release.%s}} is not known of this Release; take it out of the template", name)
		}
		return "", fmt.Errorf("{{release.%s}} is no fact of a Release; use one of %s", name, strings.Join(Facts(), ", "))
	}
	return value, nil
}
