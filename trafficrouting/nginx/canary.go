package nginx

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
)

// canary is what the canary Ingress of a Service is to be; without annotations there is none.
type canary struct {
	// target is the Service that it sends to.
	target string
	// annotations of its own, without prefix.
	annotations map[string]string
}

// canaryOf returns what a split takes. One that leaves everything with the user's Service takes nothing: of those who came by
// session affinity ingress-nginx keeps sending some to a canary of weight 0.
func (f flavor) canaryOf(s trafficrouting.Split) (canary, error) {
	if err := f.unalterable(s); err != nil {
		return canary{}, err
	}
	target, ppm, err := targetOf(s)
	if err != nil || trafficrouting.Neutral([]trafficrouting.Split{s}) {
		return canary{target: target}, err
	}
	if ppm%f.granularity != 0 {
		return canary{}, fmt.Errorf("%s counts whole percent of a weight, and %s is none; change it", f.controller, trafficrouting.Percent(ppm))
	}
	annotations, err := f.matches(s)
	if err != nil {
		return canary{}, err
	}
	maps.Copy(annotations, weighted(ppm))
	return canary{target: target, annotations: annotations}, nil
}

// unalterable: annotations tell requests apart and no more.
func (f flavor) unalterable(s trafficrouting.Split) error {
	switch {
	case len(s.Only) > 0:
		return errors.New("rules of an Ingress have no names; take rules out of its entry in spec.routeRefs")
	case s.Alters():
		return fmt.Errorf("%s can change no headers for a canary, mirror nothing to it and set no cookies; take requestHeaders, mirror and stickiness out", f.controller)
	case slices.ContainsFunc(s.Rules, func(rule trafficrouting.MatchRule) bool { return len(rule.AnyOf) == 0 }):
		return errors.New("a match names nothing; name headers or cookies")
	}
	return nil
}

// targetOf returns the Service beside the user's that a split sends to, and its share.
func targetOf(s trafficrouting.Split) (name string, ppm int32, err error) {
	all := s.Shares
	for _, rule := range s.Rules {
		if len(rule.To) != 1 {
			return "", 0, fmt.Errorf("a match can only send all its requests to one Service; give it one")
		}
		all = append(all[:len(all):len(all)], rule.To...)
	}
	for _, share := range all {
		service := share.Backend.Service
		if service == s.Base.Service {
			continue
		}
		if name != "" && service != name {
			return "", 0, fmt.Errorf("Service %s can be split with one other only, and this is %s and %s; name one", s.Base.Service, name, service) //nolint:staticcheck // Service is a kind
		}
		name = service
	}
	for _, share := range s.Shares {
		if share.Backend.Service == name {
			ppm = share.PPM
		}
	}
	for _, rule := range s.Rules {
		if rule.To[0].Backend.Service != name {
			return "", 0, fmt.Errorf("a match can only send requests to the canary; take it out")
		}
	}
	return name, ppm, nil
}

func weighted(ppm int32) map[string]string {
	out := map[string]string{"canary": "true"}
	if ppm%10_000 == 0 {
		out["canary-weight"] = strconv.Itoa(int(ppm / 10_000))
		return out
	}
	out["canary-weight"], out["canary-weight-total"] = strconv.Itoa(int(ppm)), strconv.Itoa(int(trafficrouting.Whole))
	return out
}

// shareOf reads a weight back as parts per million, as the controllers do: totals below 100 count as 100, and weights
// beyond the total as it.
func (p Ingress) shareOf(obj *unstructured.Unstructured) int32 {
	annotations := obj.GetAnnotations()
	weight, err := strconv.ParseInt(annotations[p.prefix+"canary-weight"], 10, 32)
	if err != nil || !p.isCanary(obj) {
		return 0
	}
	total, err := strconv.ParseInt(annotations[p.prefix+"canary-weight-total"], 10, 32)
	if err != nil {
		total = 100
	}
	total = max(total, 100)
	return int32(min(max(weight, 0), total) * int64(trafficrouting.Whole) / total)
}

// matches returns the annotations of all matches of a split.
func (f flavor) matches(s trafficrouting.Split) (map[string]string, error) {
	out := map[string]string{}
	headers, cookies := 0, 0
	for _, rule := range s.Rules {
		for _, m := range rule.AnyOf {
			annotations, err := f.match(m)
			if err != nil {
				return nil, err
			}
			headers, cookies = headers+len(m.Headers), cookies+len(m.Cookies)
			maps.Copy(out, annotations)
		}
	}
	if headers > 1 || cookies > 1 {
		return nil, fmt.Errorf("%s can tell requests by one header and one cookie, and the matches name %d and %d; put values of one header into one regex, or leave some out", f.controller, headers, cookies)
	}
	return out, nil
}

func (f flavor) match(m v1alpha1.Match) (map[string]string, error) {
	switch {
	case f.unmatched != "":
		return nil, fmt.Errorf("match: %s", f.unmatched)
	case m.Method != nil:
		return nil, fmt.Errorf("match method: %s cannot tell requests by it; use a header or a cookie", f.controller)
	case len(m.SourceLabels) > 0:
		return nil, fmt.Errorf("match sourceLabels: %s cannot tell requests by labels of the caller; use a header or a cookie", f.controller)
	case len(m.QueryParams) > 0:
		return nil, fmt.Errorf("match queryParams: %s cannot tell requests by them; use a header or a cookie", f.controller)
	case len(m.Headers)+len(m.Cookies) > 1:
		return nil, fmt.Errorf("match: %s cannot ask for several headers and cookies at once; name one, or give each a match of its own if any will do", f.controller)
	case len(m.Cookies) == 1:
		return f.cookieOf(m.Cookies[0])
	}
	return f.headerOf(m.Headers[0])
}

func (f flavor) cookieOf(c v1alpha1.ValueMatch) (map[string]string, error) {
	if c.Exact == nil || *c.Exact != always {
		return nil, fmt.Errorf("match cookie %s: %s knows the value %q alone; use exact: %s", c.Name, f.controller, always, always)
	}
	if err := f.cookie(c.Name); err != nil {
		return nil, err
	}
	return map[string]string{"canary-by-cookie": c.Name}, nil
}

func (f flavor) headerOf(h v1alpha1.ValueMatch) (map[string]string, error) {
	if h.Exact == nil && h.Regex == nil {
		return nil, fmt.Errorf("match header %s: says neither exact nor regex; add one", h.Name)
	}
	if h.Exact != nil && *h.Exact == "" {
		return nil, fmt.Errorf("match header %s: an empty value means none to %s; name one", h.Name, f.controller)
	}
	if h.Exact == nil {
		for _, text := range []string{*h.Regex, whole(*h.Regex)} { // brackets that close ours would make another one of it
			if _, err := regexp.Compile(text); err != nil {
				return nil, fmt.Errorf("match header %s: read regex %q: %w; use RE2 syntax", h.Name, *h.Regex, err)
			}
		}
	}
	if strings.ContainsAny(expression(h), "\r\n") {
		return nil, errors.New("match header " + h.Name + ": no header has a line break; take it out")
	}
	return f.header(h)
}
