package admission

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// Expression renders a rule as the CEL expression of a JSON patch.
func (r Rule) Expression() string {
	var ops []string
	made := map[string]bool{}
	for _, c := range r.Changes {
		// metadata and spec are there, or the API server would not have decoded the object.
		for depth := 2; c.Do != Remove && depth < len(c.Path); depth++ {
			parent := c.Path[:depth]
			if made[pointer(parent)] {
				continue
			}
			made[pointer(parent)] = true
			ops = append(ops, fmt.Sprintf("(%s ? [] : [%s])", has("object", parent), add(parent, "{}")))
		}
		ops = append(ops, c.expression())
	}
	text := fmt.Sprintf("// %s: %s\n", r.Name, r.Protects)
	if r.When != "" {
		text += fmt.Sprintf("!(%s) ? [] :\n", r.When)
	}
	return text + strings.Join(ops, "\n+ ")
}

func (c Change) expression() string {
	remove := fmt.Sprintf("(%s ? [JSONPatch{op: \"remove\", path: %q}] : [])", has("object", c.Path), pointer(c.Path))
	switch c.Do {
	case Remove:
		return remove
	case Keep:
		return fmt.Sprintf("(%s ? [%s] : %s)", has("oldObject", c.Path), add(c.Path, at("oldObject", c.Path)+".value()"), remove)
	case Set:
		return fmt.Sprintf("[%s]", add(c.Path, c.Value))
	}
	panic("admission: no such deed: " + string(c.Do))
}

// add sets a member of an object whether it is there or not, as RFC 6902 has it.
func add(path []string, value string) string {
	return fmt.Sprintf("JSONPatch{op: \"add\", path: %q, value: %s}", pointer(path), value)
}

// foreign is true for all writes but those of our controller that are not its probe.
func foreign(controllers []string) string {
	return fmt.Sprintf("!(request.userInfo.?username.orValue(\"\") in %s)\n|| request.?options.?fieldManager.orValue(\"\") == %s",
		list(controllers), literal(v1alpha1.ProbeFieldManager))
}

var identifier = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// at reads a path as an optional value.
func at(root string, path []string) string {
	var b strings.Builder
	b.WriteString(root)
	for _, key := range path {
		if identifier.MatchString(key) {
			b.WriteString(".?" + key)
		} else {
			b.WriteString("[?" + literal(key) + "]")
		}
	}
	return b.String()
}

func has(root string, path []string) string { return at(root, path) + ".hasValue()" }

// changed is true unless written and stored object agree, in having none too.
func changed(path []string) string { return at("object", path) + " != " + at("oldObject", path) }

// same is the contrary of changed.
func same(path []string) string { return at("object", path) + " == " + at("oldObject", path) }

// pointer is the JSON pointer of a path.
func pointer(path []string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, key := range path {
		b.WriteString("/" + escape.Replace(key))
	}
	return b.String()
}

// literal is a CEL string. Go's quoting of printable text is CEL's.
func literal(s string) string { return strconv.Quote(s) }

func list(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = literal(v)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
