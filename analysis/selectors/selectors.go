// Package selectors asks a Prometheus once for what several selectors match, and tells the series apart again.
package selectors

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"crossfade.io/crossfade/analysis"
)

// Set is what is asked for some selectors.
type Set struct {
	// Queries are selectors that together match all that the selectors of the set do: mostly one. They are sorted, and equal for
	// equal sets, in whatever order.
	Queries []string

	parts map[string]part
}

// part is one selector: which query has its series, and which of these they are. One that can't be read is a query by itself.
type part struct {
	query    string
	matchers []*labels.Matcher // nil once the set is made
	tests    []*test
}

// Book makes sets of selectors that have much in common, and keeps what they have once.
type Book struct{ known map[string]*test }

// Union returns the set of these selectors. One that is narrower than another is found in its series. Those that differ in the
// values of the same labels are asked for by alternatives, which may match a little more. Others are asked one by one, so that
// nothing is asked that no selector is about, as the series of other services are.
func (b *Book) Union(selectors ...string) Set {
	s := Set{parts: map[string]part{}}
	var wide []string
	for _, text := range selectors {
		s.parts[text] = part{query: strings.TrimSpace(text), matchers: read(text)}
	}
	for _, text := range selectors {
		if !slices.ContainsFunc(selectors, func(other string) bool { return s.wider(other, text) }) && !slices.Contains(wide, text) {
			wide = append(wide, text)
		}
	}
	alike := map[string][]string{}
	for _, text := range wide {
		alike[s.shape(text)] = append(alike[s.shape(text)], text)
	}
	for _, group := range alike {
		query := s.alternatives(group)
		for _, text := range group {
			s.ask(text, query)
		}
	}
	for _, text := range selectors {
		if at := slices.IndexFunc(wide, func(w string) bool { return s.wider(w, text) }); at >= 0 {
			s.ask(text, s.parts[wide[at]].query)
		}
	}
	for text, p := range s.parts {
		s.Queries = append(s.Queries, p.query)
		s.parts[text] = part{query: p.query, tests: b.tests(p.matchers)}
	}
	slices.Sort(s.Queries)
	s.Queries = slices.Compact(s.Queries)
	return s
}

func (s Set) ask(text, query string) {
	p := s.parts[text]
	p.query = query
	s.parts[text] = p
}

// Pick returns the series of a selector of the set, of what its queries gave.
func (s Set) Pick(selector string, given map[string][]analysis.Series) []analysis.Series {
	p := s.parts[selector]
	var all []analysis.Series
	for _, series := range given[p.query] {
		if matches(p.tests, series.Labels) {
			all = append(all, series)
		}
	}
	return all
}

// QueryOf returns the query that has the series of a selector of the set.
func (s Set) QueryOf(selector string) string { return s.parts[selector].query }

func matches(all []*test, of map[string]string) bool {
	return !slices.ContainsFunc(all, func(t *test) bool { return !t.passes(of[t.name]) })
}

// tests are those of the matchers, each once in the book.
func (b *Book) tests(matchers []*labels.Matcher) []*test {
	if b.known == nil {
		b.known = map[string]*test{}
	}
	var all []*test
	for _, m := range matchers {
		if b.known[m.String()] == nil {
			b.known[m.String()] = &test{name: m.Name, value: m.Value, kind: m.Type, known: map[string]bool{}}
		}
		all = append(all, b.known[m.String()])
	}
	return all
}

// read returns the matchers of a selector, sorted; nil if it can't be read, which its source will say better.
func read(text string) []*labels.Matcher {
	all, err := parser.NewParser(parser.Options{}).ParseMetricSelector(strings.TrimSpace(text))
	if err != nil {
		return nil
	}
	slices.SortFunc(all, func(a, b *labels.Matcher) int { return strings.Compare(a.String(), b.String()) })
	return all
}

// wider says whether all that one selector matches is matched by another one too, which has fewer of the same matchers.
func (s Set) wider(one, than string) bool {
	few, many := s.parts[one].matchers, s.parts[than].matchers
	if few == nil || len(few) >= len(many) {
		return false
	}
	for _, m := range few {
		if !slices.ContainsFunc(many, func(n *labels.Matcher) bool { return n.String() == m.String() }) {
			return false
		}
	}
	return true
}

// shape names what selectors have in common that can be joined: their labels, each with one positive matcher, and all that they
// exclude. Whatever else is by itself.
func (s Set) shape(text string) string {
	of := s.parts[text].matchers
	var b strings.Builder
	last := ""
	for _, m := range of {
		if !positive(m) {
			b.WriteString(m.String() + "\xff")
			continue
		}
		if m.Name == last {
			return "\xfe" + text
		}
		last = m.Name
		b.WriteString(m.Name + "\xff")
	}
	if of == nil {
		return "\xfe" + text
	}
	return b.String()
}

func positive(m *labels.Matcher) bool {
	return m.Type == labels.MatchEqual || m.Type == labels.MatchRegexp
}

// alternatives joins selectors of one shape.
func (s Set) alternatives(group []string) string {
	if len(group) == 1 {
		return strings.TrimSpace(group[0])
	}
	first := s.parts[group[0]].matchers
	joined := make([]string, 0, len(first))
	for i, m := range first {
		if !positive(m) {
			joined = append(joined, m.String())
			continue
		}
		joined = append(joined, s.either(group, i))
	}
	return "{" + strings.Join(joined, ",") + "}"
}

// either is the i-th matcher of a group, with all of its values.
func (s Set) either(group []string, i int) string {
	var values []string
	m := s.parts[group[0]].matchers[i]
	same := true
	for _, text := range group {
		other := s.parts[text].matchers[i]
		same = same && other.String() == m.String()
		if other.Type == labels.MatchEqual {
			values = append(values, regexp.QuoteMeta(other.Value))
		} else {
			values = append(values, "(?:"+other.Value+")")
		}
	}
	if same {
		return m.String()
	}
	slices.Sort(values)
	name := (&labels.Matcher{Type: labels.MatchEqual, Name: m.Name}).String() // quoted where it has to be
	return strings.TrimSuffix(name, `=""`) + "=~" + strconv.Quote(strings.Join(slices.Compact(values), "|"))
}
