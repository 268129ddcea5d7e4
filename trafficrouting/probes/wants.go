// Package probes says which version a probe's requests must reach of a split, and what their answers show. It is pure: the
// shell sends the requests.
package probes

import (
	"fmt"
	"net/url"
	"strings"

	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// Version is one of the two that a request can reach.
type Version string

// The versions. Either means that a split leaves it open.
const (
	Either Version = ""
	Stable Version = "stable"
	Canary Version = "the canary"
)

// Wants says which version has to answer a probe where a split is in effect: the one that has the whole share of the first
// rule that the probe's request meets, or, if it meets none, of the split itself. It fails where the probe or a match cannot
// be read.
func Wants(p v1alpha1.Probe, s trafficrouting.Split) (Version, error) {
	address, err := url.Parse(p.URL)
	if err != nil {
		return Either, fmt.Errorf("read the URL of probe %s: %w", p.Name, err)
	}
	request := request{probe: p, host: address.Host, query: address.Query()}
	for _, rule := range s.Rules {
		if len(rule.AnyOf) == 0 {
			return whole(rule.To, s.Base), nil // it takes every request
		}
		for _, match := range rule.AnyOf {
			met, err := request.meets(match)
			if err != nil {
				return Either, err
			}
			if met && len(match.SourceLabels) > 0 {
				return Either, nil // what labels a gateway has, if it has any, is not known
			}
			if met {
				return whole(rule.To, s.Base), nil
			}
		}
	}
	return whole(s.Shares, s.Base), nil
}

// whole is the version that has all of the shares.
func whole(shares []trafficrouting.Share, base trafficrouting.Backend) Version {
	var canary int32
	for _, share := range shares {
		if share.Backend != base {
			canary += share.PPM
		}
	}
	switch canary {
	case 0:
		return Stable
	case trafficrouting.Whole:
		return Canary
	}
	return Either
}

// request is what of a probe's request a match can name.
type request struct {
	probe v1alpha1.Probe
	host  string
	query url.Values
}

// meets reads the match as the kinds of route do.
func (r request) meets(match v1alpha1.Match) (bool, error) {
	asked, err := rules.ReadMatch(match)
	if err != nil {
		return false, err
	}
	if asked.Method != "" && asked.Method != Method(r.probe) {
		return false, nil
	}
	for _, c := range asked.Conditions {
		value, sent := r.value(c)
		switch {
		case !sent:
			return false, nil
		case c.Regex && !rules.ExpressionOf(c.Value).Matched(value), !c.Regex && value != c.Value:
			return false, nil
		}
	}
	return true, nil
}

// value is what the request says of what a condition names, and whether it says anything. Of a query parameter that is
// named twice the first counts, as Gateway API has it.
func (r request) value(c rules.Condition) (string, bool) {
	if c.Field == rules.QueryParams {
		values := r.query[c.Name]
		if len(values) == 0 {
			return "", false
		}
		return values[0], true
	}
	if strings.EqualFold(c.Name, "Host") {
		return ptr.Deref(r.probe.Host, r.host), true
	}
	for _, h := range r.probe.Headers {
		if c.Named(h.Name) {
			return h.Value, true
		}
	}
	return "", false
}

// Method is that of a probe's requests.
func Method(p v1alpha1.Probe) string { return ptr.Deref(p.Method, "GET") }
