package generic

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// percent is one percent, in parts per million: no description says finer ones.
const percent = trafficrouting.Whole / 100

// madeName matches the names of the objects through which requests are mirrored: the canary Service's, and a hash of what
// they say. One that says something else is another one: data planes follow routes and objects in any order.
var madeName = regexp.MustCompile(`^(.+` + regexp.QuoteMeta(v1alpha1.CanarySuffix) + `)-mirror-[0-9a-f]{10}$`)

// canaryOf returns the canary Service that an object of this name was made for; empty if it is none of ours.
func canaryOf(name string) string {
	if m := madeName.FindStringSubmatch(name); m != nil {
		return m[1]
	}
	return ""
}

// Alters says what a split does to requests that the description doesn't tell how to write, and the mend.
func (d dialect) Alters(s trafficrouting.Split) string {
	kind := rules.Route{Dialect: d}.Article()
	for _, rule := range append([]trafficrouting.MatchRule{{To: s.Shares}}, s.Rules...) {
		changes := func(share trafficrouting.Share) bool { return share.Headers != nil }
		switch m := rule.Mirror; {
		case slices.ContainsFunc(rule.To, changes):
			return kind + " cannot change headers, as no RouteKind says how; take requestHeaders and stickiness out"
		case m == nil:
		case d.mirror == nil:
			return kind + " cannot mirror requests, by its RouteKind; take mirror out of the step"
		case m.PPM%percent != 0:
			return fmt.Sprintf("%s mirrors whole percent of the requests, by its RouteKind, and %s is none; change mirror.percent", kind, trafficrouting.Percent(m.PPM))
		case d.mirror.FlagField != "" && len(rule.AnyOf) > 0:
			return kind + " mirrors all that a rule gets, by its RouteKind; say requests: All, or take mirror out of the step"
		}
	}
	return ""
}

// Mirror returns a rule that has a flagged backend more, or that sends all to an object which sends copies. A part of another
// owner's may ask for it where the description, as this owner's Release keeps it, says nothing of either.
func (d dialect) Mirror(rule, ref rules.Object, m trafficrouting.Mirror) (rules.Object, error) {
	if d.mirror == nil {
		return nil, fmt.Errorf("RouteKind %s, as this release began with it, does not say how requests are mirrored to Service %s; wait until that has ended",
			NameOf(d.format.GroupKind), m.To.Service)
	}
	field := d.format.Lists[0].Refs
	out, to := rules.Shallow(rule), rules.Shallow(ref)
	if d.mirror.FlagField != "" {
		delete(to, d.format.Weight)
		to[d.mirror.FlagField], to[d.mirror.PercentField] = true, int64(m.PPM/percent)
		out[field] = rules.Items(append(rules.Objects(rule[field]), to))
		return out, nil
	}
	name, err := nameOf(m.To.Service, d.through(ref, m))
	if err != nil {
		return nil, err
	}
	to[d.nameField], to[d.mirror.Object.KindField] = name, d.mirror.Object.Kind
	out[field] = []any{to}
	return out, nil
}

// through is the spec of the object that sends what a backend gets to the user's Service, and copies to the canary's.
func (d dialect) through(ref rules.Object, m trafficrouting.Mirror) rules.Object {
	answers, copies := d.Renamed(ref, strings.TrimSuffix(m.To.Service, v1alpha1.CanarySuffix)), d.Renamed(ref, m.To.Service)
	delete(answers, d.format.Weight)
	delete(copies, d.format.Weight)
	copies[d.mirror.PercentField] = int64(m.PPM / percent)
	answers[d.mirror.Object.CopiesField] = []any{copies}
	return rules.Object{d.mirror.Object.Field: answers}
}

// nameOf returns the name of the object with this spec.
func nameOf(canary string, spec rules.Object) (string, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return "", fmt.Errorf("encode what mirrors to Service %s: %w", canary, err)
	}
	sum := sha256.Sum256(text)
	return canary + "-mirror-" + hex.EncodeToString(sum[:5]), nil
}

// behind returns the canary Service that gets copies where a backend is one of our objects; empty if it is none.
func (d dialect) behind(ref rules.Object) string {
	if d.mirror == nil || d.mirror.Object == nil || ref[d.mirror.Object.KindField] != d.mirror.Object.Kind {
		return ""
	}
	name, _ := ref[d.nameField].(string)
	return canaryOf(name)
}

// plain returns a copy of a backend without what Mirror made of it.
func (d dialect) plain(ref rules.Object) rules.Object {
	out := rules.Shallow(ref)
	switch {
	case d.behind(ref) != "":
		delete(out, d.mirror.Object.KindField)
	case d.mirror != nil && d.mirror.FlagField != "" && ref[d.mirror.FlagField] == true:
		delete(out, d.mirror.FlagField)
		delete(out, d.mirror.PercentField)
	}
	return out
}
