package selectors

import (
	"strconv"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/goldensignals"
)

func TestUnion(t *testing.T) {
	tests := map[string]struct {
		selectors, queries []string
	}{
		"one":                              {[]string{`a{b="c"}`}, []string{`a{b="c"}`}},
		"errors are among the requests":    {[]string{`a{b="c"}`, `a{b="c",code=~"5.."}`}, []string{`a{b="c"}`}},
		"two services":                     {[]string{`a{s="x.y"}`, `a{s="z"}`, `a{s="z",e="1"}`}, []string{`{__name__="a",s=~"x\\.y|z"}`}},
		"expressions keep their flags":     {[]string{`a{s=~"(?i)x|y"}`, `a{s="z"}`}, []string{`{__name__="a",s=~"(?:(?i)x|y)|z"}`}},
		"two names":                        {[]string{`a{s="x"}`, `b{s="x"}`}, []string{`{__name__=~"a|b",s="x"}`}},
		"what is excluded is the same":     {[]string{`a{s="x",q!="1"}`, `a{s="y",q!="1"}`}, []string{`{__name__="a",q!="1",s=~"x|y"}`}},
		"what is excluded differs":         {[]string{`a{s="x",q!="1"}`, `a{s="x",q!="2"}`}, []string{`a{s="x",q!="1"}`, `a{s="x",q!="2"}`}},
		"other labels":                     {[]string{`a{s="x"}`, `a{r="x"}`}, []string{`a{r="x"}`, `a{s="x"}`}},
		"a label twice":                    {[]string{`a{s=~"x.*",s=~".*y"}`, `a{s=~"z.*",s=~".*y"}`}, []string{`a{s=~"x.*",s=~".*y"}`, `a{s=~"z.*",s=~".*y"}`}},
		"what can't be read goes by alone": {[]string{`a{`, `a{s="x"}`}, []string{`a{`, `a{s="x"}`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.queries, new(Book).Union(test.selectors...).Queries)
		})
	}
}

func TestPick(t *testing.T) {
	series := func(labels ...string) analysis.Series {
		s := analysis.Series{Labels: map[string]string{}}
		for i := 0; i < len(labels); i += 2 {
			s.Labels[labels[i]] = labels[i+1]
		}
		return s
	}
	set := new(Book).Union(`a{s="x"}`, `a{s="y"}`, `a{s="x",code=~"5.."}`)
	require.Len(t, set.Queries, 1)
	x, bad, y := series("__name__", "a", "s", "x", "code", "200"), series("__name__", "a", "s", "x", "code", "503"), series("__name__", "a", "s", "y", "code", "500")
	given := map[string][]analysis.Series{set.Queries[0]: {x, bad, y}}
	require.Equal(t, []analysis.Series{x, bad}, set.Pick(`a{s="x"}`, given))
	require.Equal(t, []analysis.Series{y}, set.Pick(`a{s="y"}`, given))
	require.Equal(t, []analysis.Series{bad}, set.Pick(`a{s="x",code=~"5.."}`, given))

	broken := new(Book).Union(`a{`)
	require.Equal(t, []analysis.Series{x}, broken.Pick(`a{`, map[string][]analysis.Series{`a{`: {x}}), "what its source gives is its own")
}

// TestManyValues: whatever is remembered and forgotten of them, each value passes or not.
func TestManyValues(t *testing.T) {
	set := new(Book).Union(`a{pod=~"web-[0-9]*[02468]"}`)
	for range 2 {
		for n := range 3 * mostKnown {
			one := analysis.Series{Labels: map[string]string{"__name__": "a", "pod": "web-" + strconv.Itoa(n)}}
			require.Len(t, set.Pick(set.Queries[0], map[string][]analysis.Series{set.Queries[0]: {one}}), 1-n%2)
		}
	}
}

// TestGoldenSignalsAreAskedOnce: errors and split are one query, latency is another.
func TestGoldenSignalsAreAskedOnce(t *testing.T) {
	for plane, queries := range map[goldensignals.Plane]int{
		goldensignals.Istio: 1, goldensignals.Traefik: 1, goldensignals.Linkerd: 1, goldensignals.Application: 1, goldensignals.IngressNginx: 2,
	} {
		signals, err := goldensignals.For(plane,
			goldensignals.Backend{Namespace: "shop", Service: "web-canary", ReplicaSet: "web-1"},
			goldensignals.Backend{Namespace: "shop", Service: "web", ReplicaSet: "web-2"})
		require.NoError(t, err)
		join := func(lists ...[]string) (all []string) {
			for _, list := range lists {
				all = append(all, list...)
			}
			return all
		}
		errors := new(Book).Union(join(signals.Canary.Requests, signals.Canary.Errors, signals.Stable.Requests, signals.Stable.Errors)...)
		split := new(Book).Union(join(signals.Stable.Requests, signals.Canary.Requests)...)
		require.Len(t, errors.Queries, queries, plane)
		require.Equal(t, errors.Queries, split.Queries, plane)
		latency := new(Book).Union(join(signals.Canary.Latency, signals.Stable.Latency)...)
		require.Len(t, latency.Queries, queries, plane)
		for _, query := range join(errors.Queries, latency.Queries) {
			_, err := parser.NewParser(parser.Options{}).ParseExpr(query + "[300000ms]")
			require.NoError(t, err, "as it is asked")
		}
	}
}
