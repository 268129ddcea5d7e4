package analysis

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis/sequential"
	"crossfade.io/crossfade/apis/v1alpha1"
)

func TestLatencies(t *testing.T) {
	buckets := []Buckets{{Start: noon, End: noon.Add(15 * time.Second), Canary: []float64{90, 99, 100}, Stable: []float64{80, 98, 99}}}
	for unit, edges := range map[time.Duration][]float64{
		time.Second:      {0.035, 0.3, math.Inf(1)},
		time.Millisecond: {35, 300, math.Inf(1)},
	} {
		t.Run(unit.String(), func(t *testing.T) {
			require.Equal(t, []LatencyInterval{{
				Start: noon, End: noon.Add(15 * time.Second),
				Canary: sequential.Histogram{Edges: []float64{0.035, 0.3}, Below: []float64{90, 99}, Count: 100},
				Stable: sequential.Histogram{Edges: []float64{0.035, 0.3}, Below: []float64{80, 98}, Count: 99},
			}}, Latencies(buckets, edges, unit))
		})
	}
	require.Empty(t, Latencies(nil, nil, time.Second))
}

// classicBefore is a service of which nothing takes more than 0.1 s, in the buckets that Traefik has if nobody asks for others.
func classicBefore() sequential.Histogram {
	return sequential.NewHistogram([]float64{.1, .3, 1.2, 5, math.Inf(1)}, []float64{1e5, 1e5, 1e5, 1e5, 1e5})
}

// TestLatencyOfAFastService: stable has no request over the lowest edge, so the canary may have 1 % of its own.
func TestLatencyOfAFastService(t *testing.T) {
	before := classicBefore()
	for name, c := range map[string]struct {
		below []float64
		want  v1alpha1.Verdict
	}{
		"half of them over 1.2 s": {[]float64{0, 0, 75, 150, 150}, v1alpha1.VerdictFail},
		"half a percent":          {[]float64{1194, 1200, 1200, 1200, 1200}, v1alpha1.VerdictPass},
		"none":                    {[]float64{150, 150, 150, 150, 150}, v1alpha1.VerdictPass},
	} {
		t.Run(name, func(t *testing.T) {
			asked := DefaultLatency()
			asked.Phi = 1
			judge := NewLatency(asked, before)
			edges := append(before.Edges, math.Inf(1))
			for _, i := range steady(120, Counts{}, Counts{}) {
				judge.Add(LatencyInterval{
					Start: i.Start, End: i.End, Weight: i.Weight, Canary: sequential.NewHistogram(edges, c.below),
					Stable: sequential.NewHistogram(edges, []float64{1350, 1350, 1350, 1350, 1350}),
				})
			}
			require.Equal(t, c.want, judge.Verdict(), judge.Finding().Reason)
			require.InDelta(t, 0.1, judge.Edge(), 0)
		})
	}
}

// TestLatencyWhereThePastWasSlower: stable has next to no requests over the edge by now, so a lower one shows who is good, sooner than a
// step ends, unless the first one speaks against it; who is bad is shown by the first alone.
func TestLatencyWhereThePastWasSlower(t *testing.T) {
	edges := []float64{.1, .25, .5, math.Inf(1)}
	usual, fast := []float64{1080, 1337, 1349.9, 1350}, []float64{1215, 1350, 1350, 1350}
	uneven := []float64{1080, 1296, 1347.3, 1350}
	for name, c := range map[string]struct {
		canary, stable []float64
		want           v1alpha1.Verdict
		says           string
		edge           float64
	}{
		"as fast as stable":                    {[]float64{120, 148.5, 149.99, 150}, usual, v1alpha1.VerdictPass, "slower than 250ms", .25},
		"slower, though not as stable was":     {[]float64{120, 140, 149.99, 150}, usual, v1alpha1.VerdictInconclusive, "slower at some edge", .5},
		"slower than stable ever was":          {[]float64{120, 130, 135, 150}, usual, v1alpha1.VerdictFail, "slower than 500ms", .5},
		"one in fifty hangs":                   {[]float64{135, 147, 147, 150}, fast, v1alpha1.VerdictFail, "slower than 500ms", .5},
		"one in two hundred hangs":             {[]float64{135, 149.25, 149.25, 150}, fast, v1alpha1.VerdictFail, "slower than 500ms", .5},
		"as fast, and no edge is close to p99": {[]float64{135, 150, 150, 150}, fast, v1alpha1.VerdictPass, "too coarse for p99", .1},
		"more hang, among many that are slow":  {[]float64{120, 142.8, 148.5, 150}, uneven, v1alpha1.VerdictFail, "slower than 500ms", .5},
	} {
		t.Run(name, func(t *testing.T) {
			asked := DefaultLatency()
			asked.Phi = 1
			judge := NewLatency(asked, sequential.NewHistogram(edges, []float64{50000, 90000, 98900, 100000}))
			for n, i := range steady(40, Counts{}, Counts{}) {
				judge.Add(LatencyInterval{Start: i.Start, End: i.End, Weight: i.Weight, Canary: sequential.NewHistogram(edges, c.canary), Stable: sequential.NewHistogram(edges, c.stable)})
				require.NotEqual(t, v1alpha1.VerdictNoData, judge.Verdict(), "interval %d", n)
				if c.want != v1alpha1.VerdictPass {
					require.NotEqual(t, v1alpha1.VerdictPass, judge.Verdict(), "interval %d: %s", n, judge.Finding().Reason)
				}
			}
			f := judge.Finding()
			require.Equal(t, c.want, judge.Verdict(), f.Reason)
			require.Equal(t, c.want, f.Verdict)
			require.Contains(t, f.Reason, c.says)
			require.InDelta(t, judge.worse(), f.Worse, 0)
			require.InDelta(t, c.edge, judge.Edge(), 0)
			require.Equal(t, 40, f.Used+f.LeftOut)
		})
	}
}

// TestLowerEdgeWithholds: what one interval shows at the lower edge, the next one may take back; and of a few requests the first edge can't
// tell yet whether 1 % of them hang.
func TestLowerEdgeWithholds(t *testing.T) {
	edges := []float64{.1, .25, .5, math.Inf(1)}
	asked := DefaultLatency()
	asked.Phi = 1
	judge := NewLatency(asked, sequential.NewHistogram(edges, []float64{50000, 90000, 98900, 100000}))
	says := []string{
		"slower than 500ms 1.0x", "slower than 500ms 1.0x",
		"slower than 500ms; nothing passes by one interval", "slower than 500ms; that those slower than 500ms are under 1 % has evidence 11 of 20", "",
	}
	for n, i := range steady(len(says), Counts{}, Counts{}) {
		judge.Add(LatencyInterval{
			Start: i.Start, End: i.End, Weight: i.Weight, Canary: sequential.NewHistogram(edges, []float64{64, 80, 80, 80}),
			Stable: sequential.NewHistogram(edges, []float64{1080, 1296, 1350, 1350}),
		})
		require.Contains(t, judge.Finding().Reason, says[n], "interval %d", n)
		require.Equal(t, n == len(says)-1, judge.Verdict() == v1alpha1.VerdictPass, "interval %d: %s", n, judge.Finding().Reason)
	}
}

// TestSpellsCountAtTheLowerEdge: a canary that is slower only in spells in which stable is slow too does not pass by what is between them.
func TestSpellsCountAtTheLowerEdge(t *testing.T) {
	edges := []float64{.1, .25, .5, math.Inf(1)}
	judge := NewLatency(DefaultLatency(), sequential.NewHistogram(edges, []float64{50000, 85000, 99000, 100000}))
	for n, i := range steady(240, Counts{}, Counts{}) {
		canary, stable := []float64{120, 149.25, 150, 150}, []float64{1080, 1343.25, 1350, 1350}
		if n >= 4 && n%5 == 0 {
			canary[1], stable[1] = 112.5, 1282.5
		}
		judge.Add(LatencyInterval{Start: i.Start, End: i.End, Weight: i.Weight, Canary: sequential.NewHistogram(edges, canary), Stable: sequential.NewHistogram(edges, stable)})
		require.Equal(t, v1alpha1.VerdictInconclusive, judge.Verdict(), "interval %d: %s", n, judge.Finding().Reason)
		require.Equal(t, v1alpha1.VerdictInconclusive, judge.Finding().Aged(i.End.Add(20*time.Second)).Verdict)
	}
	require.InDelta(t, .25, judge.Edge(), 0)
}

// TestObjectiveThatNothingMisses: 14.4 times the budget of 93 % is more than all requests.
func TestObjectiveThatNothingMisses(t *testing.T) {
	judge := NewSLO(DefaultObjective(0.93))
	judge.Add(steady(20, Counts{150, 150}, Counts{})...)
	require.Equal(t, v1alpha1.VerdictFail, judge.Verdict(), judge.Finding().Reason)
	require.Contains(t, judge.Finding().Reason, "of 80 %")
}
