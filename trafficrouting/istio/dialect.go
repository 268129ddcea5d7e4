package istio

import (
	"fmt"
	"math"
	"strings"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting/policies"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// dialect is how VirtualServices are written. Of a list, the first rule that matches decides, so that a copy before its
// original takes what it should and nothing of another rule's.
type dialect struct{}

var _ rules.Dialect = dialect{}

// lists of rules: tls and tcp share connections.
var lists = []rules.List{
	{Field: "http", Refs: "route", Matches: "match"},
	{Field: "tls", Refs: "route"},
	{Field: "tcp", Refs: "route"},
}

// Bounds of what is added. Istio admits any int32 as a weight and any number of rules and destinations; proxies add the
// weights of a rule up in 32 bits.
const (
	maxWeight = 100_000_000
	maxRefs   = math.MaxInt32
	maxRules  = 256
)

// maxRegex is how long an expression may be, in characters (validateStringRegexp in pkg/config/validation).
const maxRegex = 1024

// Format says what is written where. A destination without weight takes nothing beside others, and one that is alone takes
// everything, whatever its weight (HTTPRouteDestination.weight).
func (dialect) Format() rules.Format {
	return rules.Format{
		GroupKind: Kind, Lists: lists, Anything: rules.Object{}, NoneIsNothing: true,
		MaxWeight: maxWeight, MaxRefs: maxRefs, MaxRules: maxRules,
	}
}

// Service returns the Service that a destination names.
func (dialect) Service(ref rules.Object, namespace string) (string, bool) {
	destination, _ := ref["destination"].(rules.Object)
	host, _ := destination["host"].(string)
	return policies.ServiceOf(host, namespace)
}

// Renamed returns a copy of a destination under another Service's host.
func (dialect) Renamed(ref rules.Object, service string) rules.Object {
	out := rules.Shallow(ref)
	destination, _ := ref["destination"].(rules.Object)
	destination = rules.Shallow(destination)
	host, _ := destination["host"].(string)
	destination["host"] = policies.OnHost(host, service)
	out["destination"] = destination
	return out
}

// Key tells a destination from the others of its rule, such as "checkout:8080/v1".
func (d dialect) Key(ref rules.Object, namespace string) string {
	destination, _ := ref["destination"].(rules.Object)
	host, _ := destination["host"].(string)
	if name, ok := d.Service(ref, namespace); ok && !strings.Contains(name, "/") {
		host = name
	}
	port, _ := destination["port"].(rules.Object)
	number, _ := rules.Integer(port["number"])
	subset, _ := destination["subset"].(string)
	return fmt.Sprintf("%s:%d/%s", host, number, subset)
}

// Copied returns the destinations that a rule mirrors to.
func (dialect) Copied(rule rules.Object) []rules.Object {
	var out []rules.Object
	if mirror, ok := rule["mirror"].(rules.Object); ok {
		out = append(out, rules.Object{"destination": mirror})
	}
	return append(out, rules.Objects(rule["mirrors"])...)
}

// Refuses says what is wrong with a match; proxies can tell all of it.
func (dialect) Refuses(m v1alpha1.Match) string {
	read, err := rules.ReadMatch(m)
	if err != nil {
		return err.Error()
	}
	for _, c := range read.Conditions {
		if c.Regex && len(c.Value) > maxRegex {
			return fmt.Sprintf("match %s: as a regular expression it has %d characters and Istio admits %d; shorten it", c.Name, len(c.Value), maxRegex)
		}
	}
	return ""
}

// OneMatch is false: all matches of a rule are rewritten alike.
func (dialect) OneMatch(rules.Object) bool { return false }

// Usurped finds nothing, as the order decides.
func (dialect) Usurped([]rules.Rule, []rules.Written, map[int]bool) (loser, winner int, found bool) {
	return 0, 0, false
}

// Exceeds is nothing: the API has no such limit.
func (dialect) Exceeds([]rules.Rule) string { return "" }
