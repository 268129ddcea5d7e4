package trafficrouting

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// Validate refuses splits that mean nothing on any route.
func Validate(owner Owner, splits []Split) error {
	if owner.Name == "" || len(splits) == 0 {
		return fmt.Errorf("a split needs an owner and a Service")
	}
	bases, added := map[string]bool{}, map[string]bool{}
	for _, s := range splits {
		if s.Base.Service == "" || bases[s.Base.Service] {
			return fmt.Errorf("Service %q is split twice or has no name; name each Service once", s.Base.Service) //nolint:staticcheck // Service is a kind
		}
		bases[s.Base.Service] = true
		if err := s.validate(added); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(added)) {
		if bases[name] {
			return fmt.Errorf("Service %s is split and takes a share of another one; use distinct Services", name) //nolint:staticcheck // Service is a kind
		}
	}
	return nil
}

// validate collects the Services that the split sends requests to.
func (s Split) validate(added map[string]bool) error {
	sets := [][]Share{s.Shares}
	if slices.ContainsFunc(s.Shares, func(share Share) bool { return share.Backend == s.Base && share.Headers != nil }) {
		return fmt.Errorf("the user's own backend of Service %s would change headers; give it a rule for every request", s.Base.Service)
	}
	for _, rule := range s.Rules {
		sets = append(sets, rule.To)
		if err := s.validateRule(rule); err != nil {
			return err
		}
		if rule.Mirror != nil {
			added[rule.Mirror.To.Service] = true
		}
	}
	for _, shares := range sets {
		sum, seen := int64(0), map[string]bool{}
		for _, share := range shares {
			name := share.Backend.Service
			if name == "" || seen[name] || share.PPM < 0 {
				return fmt.Errorf("a share of Service %s is negative, nameless or given twice", s.Base.Service)
			}
			seen[name] = true
			if name != s.Base.Service {
				added[name] = true
			}
			if reason := share.Headers.refusal(); reason != "" {
				return errors.New(reason)
			}
			sum += int64(share.PPM)
		}
		if sum != int64(Whole) {
			return fmt.Errorf("the shares of Service %s sum to %d parts per million, not %d", s.Base.Service, sum, Whole)
		}
	}
	return nil
}

// validateRule checks all of a rule but that its shares sum to the whole.
func (s Split) validateRule(rule MatchRule) error {
	if slices.ContainsFunc(rule.AnyOf, namesNothing) {
		return fmt.Errorf("a match names nothing; name headers, cookies, queryParams, method or sourceLabels")
	}
	switch m := rule.Mirror; {
	case m == nil:
	case m.To.Service == "" || m.To == s.Base || m.PPM <= 0 || m.PPM > Whole:
		return fmt.Errorf("Service %s is mirrored to itself, to none or by no share; name its canary Service and up to %d parts per million", s.Base.Service, Whole) //nolint:staticcheck // Service is a kind
	case slices.ContainsFunc(rule.To, func(share Share) bool { return share.Backend != s.Base && share.PPM > 0 }):
		return fmt.Errorf("Service %s is mirrored where another one answers too; mirror what it answers alone", s.Base.Service) //nolint:staticcheck // Service is a kind
	}
	return nil
}

func namesNothing(m v1alpha1.Match) bool {
	return len(m.Headers)+len(m.Cookies)+len(m.QueryParams)+len(m.SourceLabels) == 0 && m.Method == nil
}

// Neutral says whether the splits leave everything with the user's Services.
func Neutral(splits []Split) bool {
	for _, s := range splits {
		if len(s.Rules) > 0 {
			return false
		}
		for _, share := range s.Shares {
			if share.Backend != s.Base && share.PPM > 0 {
				return false
			}
		}
	}
	return true
}
