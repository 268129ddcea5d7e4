package rules

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"crossfade.io/crossfade/trafficrouting"
)

// layer is one match rule of one split: the requests that it takes, and where they go.
type layer struct {
	owner  string
	split  trafficrouting.Split
	anyOf  []Alternative
	to     []trafficrouting.Share
	mirror *trafficrouting.Mirror
}

// layersOf returns the match rules of an owner. The first one decides, so it comes last: what is laid
// over the others wins.
func layersOf(owner string, splits []trafficrouting.Split) ([]layer, error) {
	var out []layer
	for _, s := range splits {
		for i := len(s.Rules) - 1; i >= 0; i-- {
			l := layer{owner: owner, split: s, to: s.Rules[i].To, mirror: s.Rules[i].Mirror}
			if len(s.Rules[i].AnyOf) == 0 {
				l.anyOf = []Alternative{{}}
			}
			for _, m := range s.Rules[i].AnyOf {
				read, err := ReadMatch(m)
				if err != nil {
					return nil, err
				}
				l.anyOf = append(l.anyOf, read)
			}
			out = append(out, l)
		}
	}
	return out, nil
}

// variant is one of the user's rules, or a copy of it for the requests that some layers take.
type variant struct {
	matches []Object
	to      assignment
	// mirrors are where copies go of what a Service gets.
	mirrors map[string]*trafficrouting.Mirror
	// owner of the layer that was laid last. Empty for the user's rule itself.
	owner string
	// byCookie: that layer asks for a cookie and no more, so that nothing makes its matches more special than those of a
	// layer over it that asks for one too.
	byCookie bool
	source   int
}

// block returns one of the user's rules with its copies before it, in the order in which they win: what is laid over
// others comes before all of them.
func (c *composer) block(source int, rule Rule) ([]variant, error) {
	out := []variant{{matches: c.Matches(rule), to: c.sharesOf(rule), source: source}}
	for i, l := range c.layers {
		taken := c.takes(rule, l.split, c.namespace)
		if !taken && (!c.shielded[source] || l.takesAll()) {
			continue
		}
		if l.takesAll() && c.Format().MirrorFlag != "" {
			for j, v := range out {
				out[j] = v.under(l)
			}
			c.met[i] = true
			continue
		}
		var laid []variant
		for _, v := range out {
			copied, err := c.copyOf(v, l, taken)
			if err != nil {
				return nil, fmt.Errorf("rule %d: %w", source+1, err)
			}
			if len(copied.matches) > 0 && taken {
				c.met[i] = true
			}
			laid = append(laid, copied)
		}
		out = reachable(append(laid, out...))
		if most := c.Format().MaxRules; len(out) > most {
			return nil, fmt.Errorf("rule %d would need %d copies and a route can have %d rules; use fewer match entries", source+1, len(out)-1, most)
		}
	}
	return out, nil
}

// takesAll: it asks for nothing.
func (l layer) takesAll() bool {
	return slices.ContainsFunc(l.anyOf, func(a Alternative) bool { return a.Method == "" && len(a.Conditions)+len(a.SourceLabels) == 0 })
}

func (l layer) byCookie() bool {
	return !slices.ContainsFunc(l.anyOf, func(a Alternative) bool {
		return a.Method != "" || len(a.SourceLabels) > 0 || len(a.Conditions) != 1 || !ofCookie(a.Conditions[0].Value)
	})
}

// under returns the variant with its requests as the layer has them.
func (v variant) under(l layer) variant {
	to, mirrors := maps.Clone(v.to), map[string]*trafficrouting.Mirror{}
	maps.Copy(mirrors, v.mirrors)
	to[l.split.Base.Service], mirrors[l.split.Base.Service] = l.to, l.mirror
	v.to, v.mirrors = to, mirrors
	return v
}

// sharesOf says where the requests of a rule go that no copy of it takes.
func (c *composer) sharesOf(rule Rule) assignment {
	out := assignment{}
	for _, s := range c.splits {
		if c.takes(rule, s, c.namespace) {
			out[s.Base.Service] = withBase(s)
		}
	}
	return out
}

// copyOf returns the copy of a variant for the layer's requests, which go where the layer says if the rule is taken. It has
// no matches if no request meets both, nor where a match cannot ask for both: of one owner's copies the first then takes
// such requests, as it should.
func (c *composer) copyOf(v variant, l layer, taken bool) (variant, error) {
	out := v
	if taken {
		out = v.under(l)
	}
	out.matches, out.owner, out.byCookie = nil, l.owner, l.byCookie()
	for _, match := range v.matches {
		for _, a := range l.anyOf {
			joined, err := c.Conjoin(a, match)
			if errors.Is(err, ErrContradiction) || v.owner == l.owner && v.byCookie && errors.As(err, &bothCookies{}) {
				continue
			}
			if err != nil {
				return variant{}, err
			}
			out.matches = append(out.matches, joined)
		}
	}
	return out, nil
}

// reachable drops from the copies every match that stands in an earlier one already, which always wins,
// and the copies that are left without any.
func reachable(variants []variant) []variant {
	seen := map[string]bool{}
	var out []variant
	for _, v := range variants {
		if v.owner == "" {
			out = append(out, v)
			continue
		}
		var matches []Object
		for _, match := range v.matches {
			if text, err := compact(match); err == nil && !seen[text] {
				seen[text] = true
				matches = append(matches, match)
			}
		}
		if len(matches) > 0 {
			v.matches = matches
			out = append(out, v)
		}
	}
	return out
}

// spread returns the variants with one match in each copy.
func spread(variants []variant) []variant {
	var out []variant
	for _, v := range variants {
		if v.owner == "" {
			out = append(out, v)
			continue
		}
		for _, match := range v.matches {
			single := v
			single.matches = []Object{match}
			out = append(out, single)
		}
	}
	return out
}
