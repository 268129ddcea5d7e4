package rules

import (
	"regexp"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
)

// An owner, and each Service, has on a route the name that trafficrouting.NameOn gives it, so that what is written for a
// Rollout of the route's own namespace has no namespace in it.

// namedOn returns the splits with their Services as they are named on the route.
func namedOn(route *unstructured.Unstructured, owner trafficrouting.Owner, splits []trafficrouting.Split) []trafficrouting.Split {
	if trafficrouting.NameOn(route, owner.Namespace, "") == "" {
		return splits
	}
	name := func(b trafficrouting.Backend) trafficrouting.Backend {
		b.Service = trafficrouting.NameOn(route, owner.Namespace, b.Service)
		return b
	}
	shares := func(of []trafficrouting.Share) []trafficrouting.Share {
		var out []trafficrouting.Share
		for _, share := range of {
			share.Backend = name(share.Backend)
			out = append(out, share)
		}
		return out
	}
	var out []trafficrouting.Split
	for _, s := range splits {
		s.Base, s.Shares = name(s.Base), shares(s.Shares)
		var rules []trafficrouting.MatchRule
		for _, rule := range s.Rules {
			rule.To = shares(rule.To)
			if rule.Mirror != nil {
				rule.Mirror = &trafficrouting.Mirror{To: name(rule.Mirror.To), PPM: rule.Mirror.PPM}
			}
			rules = append(rules, rule)
		}
		s.Rules = rules
		out = append(out, s)
	}
	return out
}

// bare returns the name alone of a Service as it is named on a route.
func bare(service string) string { return service[strings.Index(service, "/")+1:] }

// copyName matches the names of the rules that Crossfade inserts: the owner, then a number. A namespace has no dot.
var copyName = regexp.MustCompile(`^cf(?:-|[.]([^.]+)[.])(.+)-([0-9]+)$`)

// nameOfCopy names the n-th rule that is inserted for an owner.
func nameOfCopy(owner string, n int) string {
	prefix := "cf-"
	if namespace, name, ok := strings.Cut(owner, "/"); ok {
		prefix, owner = "cf."+namespace+".", name
	}
	return prefix + owner + "-" + strconv.Itoa(n)
}

// ownerOf returns the owner that a rule's name says it was inserted for.
func (r Route) ownerOf(rule Rule) string { return ownerBy(r.nameOf(rule)) }

func ownerBy(name string) string {
	switch m := copyName.FindStringSubmatch(name); {
	case m == nil:
		return ""
	case m[1] != "":
		return m[1] + "/" + m[2]
	default:
		return m[2]
	}
}

// annotationOf returns the name of the annotation that holds an owner's part.
func annotationOf(owner string) string {
	if namespace, name, ok := strings.Cut(owner, "/"); ok {
		return namespace + "." + v1alpha1.AnnotationSplitPrefix + name
	}
	return v1alpha1.AnnotationSplitPrefix + owner
}

// annotated returns the owner whose part an annotation of this name holds; empty if it holds none.
func annotated(key string) string {
	before, name, ok := strings.Cut(key, v1alpha1.AnnotationSplitPrefix)
	namespace, other := strings.CutSuffix(before, ".")
	switch {
	case !ok || before != "" && !other:
		return ""
	case other:
		return namespace + "/" + name
	}
	return name
}
