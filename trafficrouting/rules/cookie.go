package rules

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// cookiePattern returns the regular expression by which the header Cookie has a cookie of this name
// and value. It is anchored, because Envoy matches the whole value where Traefik and nginx search, and
// uses what POSIX, PCRE and RE2 share (GEP-4359).
func cookiePattern(c v1alpha1.ValueMatch) (string, error) {
	value := ""
	switch {
	case c.Exact != nil:
		if strings.ContainsAny(*c.Exact, ";") {
			return "", fmt.Errorf("match cookie %s: a cookie's value cannot have ';'; remove it", c.Name)
		}
		value = regexp.QuoteMeta(*c.Exact)
	case c.Regex != nil:
		inner, err := withinCookie(*c.Regex)
		if err != nil {
			return "", fmt.Errorf("match cookie %s: %w", c.Name, err)
		}
		value = "(" + inner + ")"
	}
	return beforeCookie + regexp.QuoteMeta(c.Name) + "=" + value + `(;.*)?$`, nil
}

// beforeCookie is what stands before one cookie in the header.
const beforeCookie = `^(.*;[ ]?)?`

// ofCookie says whether an expression is for one cookie of the header.
func ofCookie(expr string) bool { return strings.HasPrefix(expr, beforeCookie) }

// wholePattern anchors a user's regular expression, which must match the whole value.
func wholePattern(expr string) (string, error) {
	pattern := "^(" + expr + ")$"
	for _, text := range []string{expr, pattern} { // brackets that close ours would make another one of it
		if _, err := regexp.Compile(text); err != nil {
			return "", fmt.Errorf("read regex %q: %w; use RE2 syntax", expr, err)
		}
	}
	return pattern, nil
}

// anyButSemicolon stands for the class [^;] until the expression is written: regexp/syntax writes it
// otherwise, and takes milliseconds for classes that reach over all of Unicode.
const (
	anyButSemicolon        = '\uE000'
	anyButSemicolonWritten = `\x{e000}`
)

// withinCookie narrows an expression for a cookie's value so that it can't reach over a ';' into the
// next cookie, and takes off anchors at its ends, which hold anyway and would never match inside the
// header. An expression that can do neither stays as it was typed.
func withinCookie(expr string) (string, error) {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return "", fmt.Errorf("read regex %q: %w; use RE2 syntax", expr, err)
	}
	n := narrowing{}
	tree = n.trim(tree, true, true)
	if !n.narrow(tree) {
		return "", fmt.Errorf("regex %q asks for ';' or for a line's end within the value, which a cookie cannot have; remove it", expr)
	}
	// An unfinished \Q is fine by itself and swallows the bracket that follows.
	if _, err := regexp.Compile("(" + expr + ")"); err == nil && !n.changed {
		return expr, nil
	}
	return strings.ReplaceAll(tree.String(), anyButSemicolonWritten, "[^;]"), nil
}

// narrowing changes an expression, and notes whether it did.
type narrowing struct{ changed bool }

var (
	beginnings = []syntax.Op{syntax.OpBeginText, syntax.OpBeginLine}
	endings    = []syntax.Op{syntax.OpEndText, syntax.OpEndLine}
)

// trim takes anchors off the ends of an expression that must match the whole value.
func (n *narrowing) trim(re *syntax.Regexp, first, last bool) *syntax.Regexp {
	switch {
	case first && slices.Contains(beginnings, re.Op), last && slices.Contains(endings, re.Op):
		n.changed = true
		return &syntax.Regexp{Op: syntax.OpEmptyMatch, Flags: re.Flags}
	case re.Op == syntax.OpConcat:
		end := len(re.Sub) - 1
		for i := range re.Sub {
			re.Sub[i] = n.trim(re.Sub[i], first && i == 0, last && i == end)
		}
	case re.Op == syntax.OpAlternate, re.Op == syntax.OpCapture:
		for i := range re.Sub {
			re.Sub[i] = n.trim(re.Sub[i], first, last)
		}
	}
	return re
}

// narrow takes ';' out of every class of characters. It says false if the expression needs a ';', or
// an anchor where there can be none.
func (n *narrowing) narrow(re *syntax.Regexp) bool {
	switch re.Op { //nolint:exhaustive // all others only hold expressions
	case syntax.OpLiteral:
		return !slices.Contains(re.Rune, ';') && !slices.Contains(re.Rune, anyButSemicolon)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		*re = syntax.Regexp{Op: syntax.OpLiteral, Flags: re.Flags &^ syntax.FoldCase, Rune: []rune{anyButSemicolon}}
		n.changed = true
	case syntax.OpCharClass:
		less := lessSemicolon(re.Rune)
		n.changed = n.changed || !slices.Equal(less, re.Rune)
		re.Rune = less
		return len(less) > 0
	case syntax.OpBeginText, syntax.OpBeginLine, syntax.OpEndText, syntax.OpEndLine, syntax.OpNoMatch:
		return false
	default:
		for _, sub := range re.Sub {
			if !n.narrow(sub) {
				return false
			}
		}
	}
	return true
}

// lessSemicolon returns the ranges, pairs of bounds, without ';'.
func lessSemicolon(ranges []rune) []rune {
	var out []rune
	for i := 0; i+1 < len(ranges); i += 2 {
		lo, hi := ranges[i], ranges[i+1]
		if lo > ';' || hi < ';' {
			out = append(out, lo, hi)
			continue
		}
		if lo < ';' {
			out = append(out, lo, ';'-1)
		}
		if hi > ';' {
			out = append(out, ';'+1, hi)
		}
	}
	return out
}
