package gatewayapi

import (
	"regexp"
	"strings"

	"crossfade.io/crossfade/trafficrouting/rules"
)

const (
	exactPath  = "Exact"
	prefixPath = "PathPrefix"
)

// path is what a match asks of a request's path.
type path struct {
	kind, value string
	// expr of a regular expression; nil where it is none, or of another dialect.
	expr *regexp.Regexp
	// begins is what all paths of a regular expression begin with, as far as that is known.
	begins string
}

func pathOfMatch(match rules.Object) path {
	kind, value, _ := strings.Cut(pathOf(match), " ")
	p := path{kind: kind, value: value}
	if kind != exactPath && kind != prefixPath {
		p.expr, _ = regexp.Compile(value)
		if rest, anchored := strings.CutPrefix(value, "^"); anchored && !strings.Contains(rest, "|") {
			if after, err := regexp.Compile(rest); err == nil {
				p.begins, _ = after.LiteralPrefix()
			}
		}
	}
	return p
}

// order is 1 for what comes before prefixes of any length.
func (p path) order() int {
	if p.kind == exactPath {
		return 1
	}
	return 0
}

// takes says whether the match takes every request of another path.
func (p path) takes(other path) bool {
	switch {
	case p.kind == other.kind && p.value == other.value:
		return true
	case p.kind == prefixPath && (other.kind == prefixPath || other.kind == exactPath):
		prefix := strings.TrimSuffix(p.value, "/")
		return strings.TrimSuffix(other.value, "/") == prefix || strings.HasPrefix(other.value, prefix+"/")
	case p.kind == prefixPath:
		return p.value == "/"
	case p.kind != exactPath && other.kind == exactPath:
		return p.expr == nil || p.expr.MatchString(other.value)
	}
	return false
}

// overlaps says whether a request may have both paths. Of a regular expression and a prefix that is known only where the
// expression begins with other text.
func (p path) overlaps(other path) bool {
	if p.takes(other) || other.takes(p) {
		return true
	}
	return p.mayBegin(other) && other.mayBegin(p) && p.kind != exactPath && other.kind != exactPath && (p.kind != prefixPath || other.kind != prefixPath)
}

// mayBegin says whether a regular expression may match paths of a prefix.
func (p path) mayBegin(prefix path) bool {
	return p.kind == prefixPath || prefix.kind != prefixPath || strings.HasPrefix(p.begins, prefix.value) || strings.HasPrefix(prefix.value, p.begins)
}
