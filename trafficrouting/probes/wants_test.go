package probes_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/probes"
)

// toCanary is a split that gives the canary this share in percent, and all that meets one of the matches.
func toCanary(percent int32, matches ...v1alpha1.Match) trafficrouting.Split {
	split := trafficrouting.Between("checkout", percent*10_000)
	if len(matches) > 0 {
		split.Rules = []trafficrouting.MatchRule{{
			AnyOf: matches,
			To:    []trafficrouting.Share{{Backend: trafficrouting.Backend{Service: "checkout-canary"}, PPM: trafficrouting.Whole}},
		}}
	}
	return split
}

func exact(name, value string) []v1alpha1.ValueMatch {
	return []v1alpha1.ValueMatch{{Name: name, Exact: &value}}
}

func like(name, regex string) []v1alpha1.ValueMatch {
	return []v1alpha1.ValueMatch{{Name: name, Regex: &regex}}
}

func sending(headers ...string) v1alpha1.Probe {
	p := v1alpha1.Probe{Name: "p", URL: "http://gateway/version?tenant=a&tenant=b&empty="}
	for i := 0; i < len(headers); i += 2 {
		p.Headers = append(p.Headers, v1alpha1.ProbeHeader{Name: headers[i], Value: headers[i+1]})
	}
	return p
}

func TestWants(t *testing.T) {
	insider := v1alpha1.Match{Headers: exact("x-canary", "yes")}
	for name, c := range map[string]struct {
		probe v1alpha1.Probe
		split trafficrouting.Split
		want  probes.Version
	}{
		"nothing goes to the canary":                    {sending(), toCanary(0), probes.Stable},
		"everything goes to the canary":                 {sending(), toCanary(100), probes.Canary},
		"a share tells nothing of one request":          {sending(), toCanary(50), probes.Either},
		"the least share tells nothing":                 {sending(), trafficrouting.Between("checkout", 1), probes.Either},
		"a header that matches, whatever its case":      {sending("X-Canary", "yes"), toCanary(0, insider), probes.Canary},
		"a header that matches beside a share":          {sending("X-Canary", "yes"), toCanary(50, insider), probes.Canary},
		"a header with another value":                   {sending("X-Canary", "no"), toCanary(0, insider), probes.Stable},
		"a header with a value in another case":         {sending("X-Canary", "Yes"), toCanary(0, insider), probes.Stable},
		"no header":                                     {sending(), toCanary(0, insider), probes.Stable},
		"of a header named twice the first":             {sending("x-canary", "no", "X-Canary", "yes"), toCanary(0, insider), probes.Stable},
		"an expression on the whole value":              {sending("x-tenant", "acme-1"), toCanary(0, v1alpha1.Match{Headers: like("x-tenant", "acme-[0-9]")}), probes.Canary},
		"an expression on a part of it":                 {sending("x-tenant", "acme-10"), toCanary(0, v1alpha1.Match{Headers: like("x-tenant", "acme-[0-9]")}), probes.Stable},
		"a cookie among others":                         {sending("cookie", "a=b; group=insider; c=d"), toCanary(0, v1alpha1.Match{Cookies: exact("group", "insider")}), probes.Canary},
		"a cookie whose name ends alike":                {sending("Cookie", "my-group=insider"), toCanary(0, v1alpha1.Match{Cookies: exact("group", "insider")}), probes.Stable},
		"a query parameter, of two the first":           {sending(), toCanary(0, v1alpha1.Match{QueryParams: exact("tenant", "a")}), probes.Canary},
		"a query parameter, of two not the second":      {sending(), toCanary(0, v1alpha1.Match{QueryParams: exact("tenant", "b")}), probes.Stable},
		"a query parameter in another case":             {sending(), toCanary(0, v1alpha1.Match{QueryParams: exact("Tenant", "a")}), probes.Stable},
		"a query parameter that says nothing":           {sending(), toCanary(0, v1alpha1.Match{QueryParams: like("empty", "x?")}), probes.Canary},
		"the method":                                    {sending(), toCanary(0, v1alpha1.Match{Method: ptr.To("GET")}), probes.Canary},
		"another method":                                {sending(), toCanary(0, v1alpha1.Match{Method: ptr.To("POST")}), probes.Stable},
		"the host as a header":                          {sending(), toCanary(0, v1alpha1.Match{Headers: exact("host", "gateway")}), probes.Canary},
		"one of two matches":                            {sending("X-Canary", "yes"), toCanary(0, v1alpha1.Match{Method: ptr.To("POST")}, insider), probes.Canary},
		"one of two conditions of a match":              {sending("X-Canary", "yes"), toCanary(0, v1alpha1.Match{Headers: exact("x-canary", "yes"), QueryParams: exact("tenant", "c")}), probes.Stable},
		"the first rule that is met decides":            {sending("X-Canary", "yes"), back(toCanary(100, insider)), probes.Stable},
		"a rule that takes every request decides":       {sending(), everything(back(toCanary(100, insider))), probes.Stable},
		"what the first rule leaves open is left open":  {sending("X-Canary", "yes"), half(toCanary(100, insider)), probes.Either},
		"a split that names the base alone, all stable": {sending(), trafficrouting.AllStable("checkout"), probes.Stable},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := probes.Wants(c.probe, c.split)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

// back sends what matches to stable.
func back(split trafficrouting.Split) trafficrouting.Split {
	split.Rules[0].To = []trafficrouting.Share{{Backend: split.Base, PPM: trafficrouting.Whole}}
	return split
}

// everything has the rule take every request.
func everything(split trafficrouting.Split) trafficrouting.Split {
	split.Rules[0].AnyOf = nil
	return split
}

// half shares what matches.
func half(split trafficrouting.Split) trafficrouting.Split {
	split.Rules[0].To = trafficrouting.Between("checkout", 500_000).Shares
	return split
}

func TestWantsOfWhatCannotBeRead(t *testing.T) {
	_, err := probes.Wants(v1alpha1.Probe{Name: "p", URL: "http://[::1"}, toCanary(0))
	require.ErrorContains(t, err, "read the URL of probe p")
	_, err = probes.Wants(sending(), toCanary(0, v1alpha1.Match{Headers: []v1alpha1.ValueMatch{{Name: "x"}}}))
	require.ErrorContains(t, err, "says neither exact nor regex; add one")
}
