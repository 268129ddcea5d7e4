package providertest

import (
	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
)

// Dice turns a fuzzer's bytes into choices; past their end it always chooses the first.
type Dice []byte

// Roll returns one of 0 to sides-1.
func (d *Dice) Roll(sides int) int {
	if len(*d) == 0 {
		return 0
	}
	face := int((*d)[0]) % sides
	*d = (*d)[1:]
	return face
}

// Choose returns one of the values.
func Choose[T any](d interface{ Roll(sides int) int }, of ...T) T { return of[d.Roll(len(of))] }

// Altering makes up what a rule does to requests.
func (d *Dice) Altering(rule trafficrouting.MatchRule) trafficrouting.MatchRule {
	switch d.Roll(6) {
	case 3:
		rule.Mirror = &trafficrouting.Mirror{To: rule.To[len(rule.To)-1].Backend, PPM: Choose[int32](d, 10_000, trafficrouting.Whole)}
	case 1:
		header := v1alpha1.Header{Name: Choose(d, "x", "X-Canary", "x-lane"), Value: "next"}
		rule.To[d.Roll(len(rule.To))].Headers = &trafficrouting.Headers{Request: Choose(d,
			&v1alpha1.HeaderModifier{Set: []v1alpha1.Header{header}}, &v1alpha1.HeaderModifier{Add: []v1alpha1.Header{header}}, &v1alpha1.HeaderModifier{Remove: []string{header.Name}},
		)}
	case 2:
		rule.To[d.Roll(len(rule.To))].Headers = &trafficrouting.Headers{SetCookie: "lane=a; Path=/"}
	}
	return rule
}
