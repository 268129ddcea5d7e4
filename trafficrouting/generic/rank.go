package generic

import (
	"fmt"
	"reflect"
	"slices"

	"crossfade.io/crossfade/trafficrouting/rules"
)

// place is what a data plane goes by when several rules take a request: the larger comes first among rules of one path,
// each number before the next.
type place struct {
	path  string
	order []int64
}

// placeOf returns the place of a rule. It is the same for all where the first of the list wins.
func (d dialect) placeOf(rule rules.Object) (place, error) {
	vars := map[string]any{"rule": rule}
	switch {
	case d.priority != nil:
		if own, ok := rules.Integer(rule[d.priorityField]); ok && own != 0 {
			return place{order: []int64{own}}, nil
		}
		usual, err := value[int64](d.priority, vars)
		return place{order: []int64{usual}}, err
	case d.conditions != nil:
		path, err := d.path.text(vars)
		if err != nil {
			return place{}, err
		}
		order, err := d.conditions.integers(vars)
		return place{path, order}, err
	}
	return place{}, nil
}

// Rank gives copies the priorities just above their originals', and refuses where a copy would come before another rule
// that came before the original, or that may have.
func (d dialect) Rank(written []rules.Written) error {
	if d.priority == nil && d.conditions == nil {
		return nil
	}
	var own []place
	for _, w := range written {
		if w.Owner == "" {
			p, err := d.placeOf(w.Body)
			if err != nil {
				return fmt.Errorf("rule %d: %w", w.Source+1, err)
			}
			own = append(own, p)
		}
	}
	if d.priority != nil {
		d.raise(written, own)
	}
	for _, w := range written {
		if w.Owner == "" {
			continue
		}
		copied, err := d.placeOf(w.Body)
		if err != nil {
			return fmt.Errorf("the copy of rule %d: %w", w.Source+1, err)
		}
		if err := d.fits(copied, w.Source, own); err != nil {
			return err
		}
	}
	return nil
}

// fits says what is wrong with the place of a copy among the user's rules.
func (d dialect) fits(copied place, source int, own []place) error {
	if slices.Compare(copied.order, own[source].order) <= 0 {
		return fmt.Errorf("its rule %d asks for all of the match itself, so that a copy could not be told from it; take it out of the rule, or out of the step", source+1)
	}
	for other, p := range own {
		before, after := slices.Compare(own[source].order, p.order), slices.Compare(copied.order, p.order)
		switch {
		case other == source || p.path != own[source].path || before > 0 || after < 0:
		case d.priority == nil:
			return fmt.Errorf("requests that its rule %d takes would go to the copy of its rule %d, as the one with more conditions comes first; take match out of the step, or add conditions to rule %d",
				other+1, source+1, other+1)
		case before < 0: // of equal priorities neither comes first, so that who has them relies on the rules being apart
			return fmt.Errorf("the copy of its rule %d would have priority %d, and come before its rule %d, which has %d; give rule %d one of %d or more",
				source+1, copied.order[0], other+1, p.order[0], other+1, copied.order[0]+1)
		}
	}
	return nil
}

// raise numbers the copies of each rule upward from it. Neighbours that send requests to the same backends may have the
// same number: which of them takes one is no matter.
func (d dialect) raise(written []rules.Written, own []place) {
	route := rules.Route{Dialect: d}
	var priority int64
	var refs []rules.Object
	for _, w := range slices.Backward(written) {
		if w.Owner == "" {
			priority, refs = own[w.Source].order[0], nil
			continue
		}
		if next := route.Refs(w.Rule); refs == nil || !reflect.DeepEqual(refs, next) {
			priority, refs = priority+1, next
		}
		w.Body[d.priorityField] = priority
	}
}
