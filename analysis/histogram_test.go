package analysis

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// classic is a histogram whose buckets were scraped every step: a row for each bound, a column for each scrape.
func classic(instance string, rows map[string][]float64) []Series {
	var all []Series
	for le, values := range rows {
		labels := pod(instance)
		labels["le"] = le
		all = append(all, scrape(labels, time.Second, values...))
	}
	return all
}

// native is a histogram of a schema that was scraped every step, each time with all that was observed until then.
func native(instance string, schema int, observed ...[]float64) Series {
	s := Series{Labels: pod(instance)}
	growth := math.Exp2(math.Exp2(-float64(schema)))
	for i, all := range observed {
		counts := map[int]float64{}
		for _, v := range all {
			counts[int(math.Ceil(math.Log(v)/math.Log(growth)-nearly))]++
		}
		h := &NativeHistogram{Count: float64(len(all))}
		for bucket, n := range counts {
			h.Buckets = append(h.Buckets, NativeBucket{Lower: math.Pow(growth, float64(bucket-1)), Upper: math.Pow(growth, float64(bucket)), Count: n})
		}
		s.Samples = append(s.Samples, Sample{Time: begin.Add(time.Second + time.Duration(i)*step), Histogram: h})
	}
	return s
}

func TestEdges(t *testing.T) {
	t.Run("of classic histograms those that all have", func(t *testing.T) {
		edges, err := Edges(
			classic("canary", map[string][]float64{"0.1": {1}, "0.2": {1}, "1": {1}, "+Inf": {1}}),
			classic("stable", map[string][]float64{"0.1": {1}, "0.5": {1}, "1.0": {1}, "+Inf": {1}}))
		require.NoError(t, err)
		require.Equal(t, []float64{0.1, 1, math.Inf(1)}, edges)
	})
	t.Run("of native histograms those of the lower resolution", func(t *testing.T) {
		edges, err := Edges(
			[]Series{native("canary", 3, []float64{1.05, 1.5, 2, 3.9})},
			[]Series{native("stable", 0, []float64{1.5, 3, 7})})
		require.NoError(t, err)
		require.InDeltaSlice(t, []float64{2, 4, 8}, edges[:len(edges)-1], 1e-6)
	})
	t.Run("none in common, and both kinds at once, are told", func(t *testing.T) {
		one := classic("canary", map[string][]float64{"0.1": {1}, "+Inf": {1}})
		_, err := Edges(one, classic("stable", map[string][]float64{"0.2": {1}, "+Inf": {1}}))
		require.ErrorIs(t, err, ErrNoEdges)
		_, err = Edges(one, []Series{native("stable", 0, []float64{1.5})})
		require.ErrorIs(t, err, ErrNoEdges)
		_, err = Edges(nil, nil)
		require.ErrorIs(t, err, ErrNoEdges)
	})
}

func TestDistributions(t *testing.T) {
	stable := classic("stable", map[string][]float64{"0.1": {0, 90, 180, 270}, "1": {0, 99, 198, 297}, "+Inf": {0, 100, 200, 300}})
	edges := []float64{0.1, 1, math.Inf(1)}
	grid := Grid{Step: step}
	read := func(canary []Series) []Buckets {
		return Distributions(canary, stable, edges, grid, begin, begin.Add(4*step))
	}

	t.Run("counts how many took at most so long", func(t *testing.T) {
		got := read(classic("canary", map[string][]float64{"0.1": {0, 5, 7}, "0.5": {0, 6, 8}, "1": {0, 8, 11}, "+Inf": {0, 10, 14}}))
		require.Len(t, got, 2)
		require.Equal(t, Buckets{Start: begin.Add(step), End: begin.Add(2 * step), Canary: []float64{5, 8, 10}, Stable: []float64{90, 99, 100}}, got[0])
		require.Equal(t, Buckets{Start: begin.Add(2 * step), End: begin.Add(3 * step), Canary: []float64{2, 3, 4}, Stable: []float64{90, 99, 100}}, got[1])
	})
	t.Run("a restart shows in any bucket", func(t *testing.T) {
		got := read(classic("canary", map[string][]float64{"0.1": {0, 5, 7}, "1": {0, 8, 9}, "+Inf": {0, 100, 20}}))
		require.Equal(t, []float64{7, 9, 20}, got[1].Canary, "it counted 7 since, not 2")
	})
	t.Run("buckets that appeared later have no data, and are not blamed for all that was before", func(t *testing.T) {
		got := read(classic("canary", map[string][]float64{"0.1": {gap, gap, 700, 705}, "1": {0, 800, 900, 905}, "+Inf": {0, 900, 999, 1010}}))
		require.Len(t, got, 1)
		require.Equal(t, []float64{5, 5, 11}, got[0].Canary)
	})
	t.Run("native histograms are counted at the same edges", func(t *testing.T) {
		one, two := []float64{1.05, 3}, []float64{1.05, 3, 1.2, 1.9, 7.5}
		canary, stable := []Series{native("canary", 3, one, two)}, []Series{native("stable", 0, one, two)}
		edges, err := Edges(canary, stable)
		require.NoError(t, err)
		got := Distributions(canary, stable, edges, grid, begin, begin.Add(2*step))
		require.Len(t, got, 1)
		require.Equal(t, []float64{2, 2, 3, 3}, got[0].Canary, "at most 2, 4, 8 and of all")
		require.Equal(t, got[0].Canary, got[0].Stable)
	})
	t.Run("a native histogram whose buckets reach over an edge can't tell", func(t *testing.T) {
		canary := []Series{native("canary", 0, []float64{1.5}, []float64{1.5, 1.6}, []float64{1.5, 1.6, 1.7})}
		require.Empty(t, Distributions(canary, stable, []float64{1.5, math.Inf(1)}, grid, begin, begin.Add(4*step)))
	})
	t.Run("a slow pod that lowers its resolution leaves no interval to the fast one", func(t *testing.T) {
		fast := []float64{0.9, 1.9}
		fasts := [][]float64{nil, fast, append(fast, fast...), append(fast, fast...), append(fast, fast...)}
		stable := []Series{native("stable", 0, fasts...)}
		slow := native("slow", 0, fasts[:3]...)
		slow.Samples = append(slow.Samples, native("slow", -2, nil, nil, nil, []float64{1.5, 15, 15, 15}, []float64{1.5, 15, 15, 15, 15}).Samples[3:]...)
		for name, canary := range map[string][]Series{"both": {native("fast", 0, fasts...), slow}, "the slow one": {slow}} {
			got := Distributions(canary, stable, []float64{1, 2, math.Inf(1)}, grid, begin, begin.Add(6*step))
			require.Len(t, got, 2, "%s: known until it lowers it", name)
			require.Equal(t, begin.Add(3*step), got[1].End)
		}
	})
	t.Run("a classic histogram without any of the edges can't tell either", func(t *testing.T) {
		canary := append(
			classic("one", map[string][]float64{"0.1": {0, 5, 7}, "1": {0, 8, 9}, "+Inf": {0, 10, 20}}),
			classic("two", map[string][]float64{"0.25": {0, 5, 7}, "2.5": {0, 8, 9}})...)
		require.Empty(t, read(canary))
	})
}

func FuzzDistributions(f *testing.F) {
	for seed := range uint64(30) {
		f.Add(seed, uint8(seed), uint8(seed/3))
	}
	f.Fuzz(func(t *testing.T, seed uint64, a, b uint8) {
		random := rand.New(rand.NewPCG(seed, 3))
		grow := func() [][]float64 {
			var all []float64
			var scrapes [][]float64
			for range 8 {
				for range 1 + random.IntN(20) {
					all = append(all, math.Exp(random.NormFloat64()))
				}
				scrapes = append(scrapes, append([]float64{}, all...))
			}
			return scrapes
		}
		left, right := grow(), grow()
		canary, stable := []Series{native("canary", int(a%5), left...)}, []Series{native("stable", int(b%5), right...)}
		edges, err := Edges(canary, stable)
		if err != nil {
			return // each has one bucket, within that of the other
		}
		sum := make([]float64, len(edges))
		for _, i := range Distributions(canary, stable, edges, Grid{Step: step}, begin, begin.Add(9*step)) {
			for e := range edges {
				sum[e] += i.Canary[e]
				require.True(t, e == 0 || i.Canary[e-1] <= i.Canary[e], "they are cumulative")
			}
		}
		for e, edge := range edges {
			var want float64
			for _, v := range left[len(left)-1][len(left[0]):] {
				if v <= edge {
					want++
				}
			}
			require.InDelta(t, want, sum[e], 0, "all that took at most %g", edge)
		}
	})
}

func FuzzDistributionsCut(f *testing.F) {
	for seed := range uint64(30) {
		f.Add(seed, uint8(seed*7))
	}
	f.Fuzz(func(t *testing.T, seed uint64, cut uint8) {
		random := rand.New(rand.NewPCG(seed, 5))
		const scrapes = 48
		tell := func(instance string) Series {
			told := Series{Labels: pod(instance)}
			var all []float64
			away, schema := 0, 1
			for i := range scrapes {
				for range random.IntN(5) {
					all = append(all, math.Exp(random.NormFloat64()))
				}
				switch random.IntN(12) {
				case 0:
					all = nil
				case 1:
					away = random.IntN(30)
				case 2:
					schema = random.IntN(3) - 1 // the lowest of which can't tell about all edges
				}
				if away--; away < 0 {
					one := native(instance, schema, all).Samples[0]
					one.Time = one.Time.Add(time.Duration(i) * step)
					told.Samples = append(told.Samples, one)
				}
			}
			return told
		}
		// Two series of one target, as a collector has.
		canary, stable := []Series{tell("canary"), tell("canary")}, []Series{tell("stable"), tell("stable")}
		for _, grid := range []Grid{{Step: step}, {Step: step, Shared: true}} {
			read := func(from, to time.Time) []Buckets {
				cut := stored(Arm{Exposures: canary, Events: stable}, from.Add(-grid.Lookback()), to)
				return Distributions(cut.Exposures, cut.Events, []float64{1, 2, 4, math.Inf(1)}, grid, from, to)
			}
			end := begin.Add((scrapes + 1) * step)
			at := begin.Add(time.Duration(cut) % (scrapes + 1) * step)
			require.Equal(t, read(begin, end), append(read(begin, at), read(at, end)...), "a range that is cut gives the same intervals")
		}
	})
}
