package analysis

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis/sequential"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// judging is what all judges of intervals have.
type judging interface {
	Add(intervals ...Interval)
	Finding() Finding
	Verdict() v1alpha1.Verdict
}

func judges() map[string]func() judging {
	learning := DefaultComparison()
	return map[string]func() judging{
		"compare":                     func() judging { return NewCompare(plain()) },
		"compare, learning the noise": func() judging { return NewCompare(learning) },
		"split":                       func() judging { return NewSplit(DefaultSplit()) },
		"slo":                         func() judging { return NewSLO(DefaultObjective(0.999)) },
		"difference":                  func() judging { return NewDifference(DefaultGoal()) },
	}
}

// TestReplay: a controller that is started again, and gets the same intervals at once or in other portions, says the same.
func TestReplay(t *testing.T) {
	for name, judge := range judges() {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(6) {
				intervals := noisy(seed, 1+float64(seed)/2)
				want := judge()
				want.Add(intervals...)
				portions, random := judge(), rand.New(rand.NewPCG(seed, 1))
				for left := intervals; len(left) > 0; {
					size := min(1+random.IntN(20), len(left))
					portions.Add(left[:size]...)
					left = left[size:]
					require.Equal(t, portions.Verdict(), portions.Finding().Verdict)
				}
				require.Equal(t, want.Finding(), portions.Finding(), "looking changed what is found")
			}
		})
	}
}

// TestFindingsAreNumbers: whatever counters say, findings have numbers and sentences.
func TestFindingsAreNumbers(t *testing.T) {
	extremes := []float64{0, 1, 0.5, 1e9, 1e15, 1e300, -1, math.Inf(1), math.NaN()}
	for name, judge := range judges() {
		t.Run(name, func(t *testing.T) {
			for _, exposures := range extremes {
				for _, events := range extremes {
					for _, counts := range [][2]Counts{{{exposures, events}, {1350, 13}}, {{150, 2}, {exposures, events}}, {{exposures, events}, {exposures, events}}} {
						j := judge()
						j.Add(steady(5, counts[0], counts[1])...)
						j.Add(following(steady(5, Counts{}, Counts{}), steady(5, Counts{150, 2}, Counts{1350, 13}))[5:]...)
						f := j.Finding()
						require.NotEmpty(t, f.Verdict)
						require.NotContains(t, f.Reason, "NaN", "%v", counts)
						for _, v := range []float64{f.Worse, f.Safe, f.Ratio, f.Low, f.High, f.Phi, f.Needed} {
							require.False(t, math.IsNaN(v), "%v: %+v", counts, f)
						}
					}
				}
			}
		})
	}
}

func FuzzCompare(f *testing.F) {
	f.Add(150.0, 3.0, 1350.0, 12.0, int64(15), int32(100_000))
	f.Fuzz(func(t *testing.T, xc, ec, xs, es float64, length int64, weight int32) {
		judge := NewCompare(DefaultComparison())
		start := noon
		for range 4 {
			end := start.Add(time.Duration(length%1e6) * time.Second)
			judge.Add(Interval{Start: start, End: end, Canary: Counts{xc, ec}, Stable: Counts{xs, es}, Weight: weight})
			start = end
		}
		finding := judge.Finding()
		for _, v := range []float64{finding.Worse, finding.Safe, finding.Ratio, finding.Low, finding.High, finding.Phi, finding.Needed} {
			require.False(t, math.IsNaN(v))
		}
	})
}

func TestLatency(t *testing.T) {
	edges := []float64{.05, .1, .25, .5, 1}
	before := sequential.Histogram{Edges: edges, Below: []float64{30000, 62000, 90000, 98900, 99990}, Count: 100000}
	usual := sequential.Histogram{Edges: edges, Below: []float64{405, 837, 1215, 1335, 1350}, Count: 1350}
	slow := sequential.Histogram{Edges: edges, Below: []float64{20, 60, 110, 142, 150}, Count: 150}
	fast := sequential.Histogram{Edges: edges, Below: []float64{45, 93, 135, 148, 150}, Count: 150}
	asked := DefaultLatency()
	asked.Phi = 1
	add := func(l *Latency, count int, canary, stable sequential.Tails) {
		for _, interval := range steady(count, Counts{}, Counts{}) {
			l.Add(LatencyInterval{Start: interval.Start, End: interval.End, Weight: interval.Weight, Canary: canary, Stable: stable})
		}
	}

	t.Run("slower", func(t *testing.T) {
		l := NewLatency(asked, before)
		add(l, 12, slow, usual)
		require.InDelta(t, 0.5, l.Edge(), 0)
		f := l.Finding()
		require.Equal(t, v1alpha1.VerdictFail, f.Verdict, f.Reason)
		require.Contains(t, f.Reason, "share of requests slower than 500ms 4.8x stable")
		require.Contains(t, f.Reason, "slow requests")
		require.Greater(t, l.Shift(), math.Log(100))
	})
	t.Run("as fast", func(t *testing.T) {
		l := NewLatency(asked, before)
		add(l, 40, fast, usual)
		require.Equal(t, v1alpha1.VerdictPass, l.Verdict(), l.Finding().Reason)
	})
	t.Run("the release has other buckets", func(t *testing.T) {
		l := NewLatency(asked, before)
		add(l, 12, sequential.Histogram{Edges: []float64{.1, .3, 1}, Below: []float64{90, 140, 149}, Count: 150}, usual)
		require.InDelta(t, 0.1, l.Edge(), 0, "0.5 is none of its edges")
		require.Contains(t, l.Finding().Reason, "too coarse for p99")
	})
	t.Run("native histograms of different schemas", func(t *testing.T) {
		native := func(schema int, slow float64) sequential.Native {
			at := func(power int) int { return power << schema }
			return sequential.Native{Schema: schema, Buckets: map[int]float64{at(-4): 100, at(-2): 48 - slow, at(1): 2 + slow}}
		}
		l := NewLatency(asked, sequential.Common(native(3, 0))[0])
		add(l, 12, native(2, 10), native(3, 0))
		require.Equal(t, v1alpha1.VerdictFail, l.Verdict(), l.Finding().Reason)
	})
	t.Run("turning slower late", func(t *testing.T) {
		l := NewLatency(asked, before)
		add(l, 160, fast, usual)
		require.Less(t, l.Shift(), math.Log(100))
		late := following(steady(160, Counts{}, Counts{}), steady(6, Counts{}, Counts{}))[160:]
		for _, interval := range late {
			l.Add(LatencyInterval{Start: interval.Start, End: interval.End, Weight: interval.Weight, Canary: slow, Stable: usual})
		}
		require.Equal(t, v1alpha1.VerdictFail, l.Verdict())
		require.Greater(t, l.Shift(), math.Log(100))
	})
	t.Run("nothing is known of before", func(t *testing.T) {
		l := NewLatency(asked, sequential.Histogram{})
		add(l, 3, fast, usual)
		require.Equal(t, v1alpha1.VerdictNoData, l.Verdict())
		require.Contains(t, l.Finding().Reason, "no histogram of stable")
		require.Zero(t, l.Shift())
	})
	t.Run("the same in any portions", func(t *testing.T) {
		once, again := NewLatency(asked, before), NewLatency(asked, before)
		add(once, 9, slow, usual)
		for _, interval := range steady(9, Counts{}, Counts{}) {
			again.Add(LatencyInterval{Start: interval.Start, End: interval.End, Weight: interval.Weight, Canary: slow, Stable: usual})
			require.Equal(t, again.Verdict(), again.Finding().Verdict)
		}
		require.Equal(t, once.Finding(), again.Finding())
	})
}
