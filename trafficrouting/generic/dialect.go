package generic

import (
	"fmt"
	"slices"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// dialect is how a kind is written, by its description.
type dialect struct {
	format        rules.Format
	nameField     string
	priorityField string
	by            []v1alpha1.MatchBy
	mirror        *v1alpha1.MirrorDescription // nil: requests cannot be mirrored

	service, renamed, joined, excludes, refuses, priority, path, conditions *program
}

var _ rules.Ranker = dialect{}

// Format says what is written where.
func (d dialect) Format() rules.Format { return d.format }

// Service returns the name of the Service in this namespace that a backend names, of an object that mirrors the canary's. One
// of which the description cannot tell names none.
func (d dialect) Service(ref rules.Object, namespace string) (string, bool) {
	if canary := d.behind(ref); canary != "" {
		return canary, true
	}
	name, err := d.serviceOf(ref, namespace)
	return name, err == nil && name != ""
}

func (d dialect) serviceOf(ref rules.Object, namespace string) (string, error) {
	return d.service.text(map[string]any{"backend": ref, "routeNamespace": namespace})
}

// unreadable says of which backend or rule the description cannot tell what it needs.
func (d dialect) unreadable(of []rules.Rule, namespace string) error {
	route := rules.Route{Dialect: d}
	for i, rule := range of {
		for _, ref := range route.Refs(rule) {
			name, err := d.serviceOf(ref, namespace)
			if err != nil {
				return fmt.Errorf("a backend of rule %d: %w", i+1, err)
			}
			canary := trafficrouting.CanaryOf(name)
			if again, _ := d.Service(d.Renamed(ref, canary), namespace); name != "" && again != canary {
				return fmt.Errorf("a backend of rule %d: renamed to Service %s it would send to %q", i+1, canary, again)
			}
		}
		if _, err := d.placeOf(rule.Body); err != nil {
			return fmt.Errorf("rule %d: %w", i+1, err)
		}
	}
	return nil
}

// Renamed returns a copy of a backend that names another Service of the namespace.
func (d dialect) Renamed(ref rules.Object, service string) rules.Object {
	plain := d.plain(ref)
	out := rules.Shallow(plain)
	out[d.nameField] = service
	if d.renamed == nil {
		return out
	}
	if name, err := d.renamed.text(map[string]any{"backend": plain, "service": service}); err == nil {
		out[d.nameField] = name
	}
	return out
}

// Key is the Service's name: of several backends for one, the order tells. All others are told by what they name.
func (d dialect) Key(ref rules.Object, namespace string) string {
	if name, ok := d.Service(ref, namespace); ok {
		return name
	}
	return fmt.Sprintf("/%v", ref[d.nameField])
}

// Copied is nothing: what gets copies stands among a rule's backends.
func (dialect) Copied(rules.Object) []rules.Object { return nil }

// Change is never asked for.
func (dialect) Change(rule, ref rules.Object, _ bool, _ trafficrouting.Headers) (rules.Object, rules.Object, error) {
	return rule, ref, nil
}

// Unchange leaves a backend as it is.
func (dialect) Unchange(ref rules.Object, _ trafficrouting.Headers) rules.Object { return ref }

// OneMatch is true: a match is one field.
func (dialect) OneMatch(rules.Object) bool { return true }

// Usurped finds nothing: Rank refuses it.
func (dialect) Usurped([]rules.Rule, []rules.Written, map[int]bool) (loser, winner int, found bool) {
	return 0, 0, false
}

// Exceeds is nothing: descriptions know of no limits.
func (dialect) Exceeds([]rules.Rule) string { return "" }

// tells says whether requests can be told by something.
func (d dialect) tells(by v1alpha1.MatchBy) bool { return slices.Contains(d.by, by) }
