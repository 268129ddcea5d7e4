package sequential

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func binomial(n, p float64) []float64 {
	all := make([]float64, int(n)+1)
	for k := range all {
		all[k] = math.Exp(logChoose(n, float64(k)) + times(float64(k), math.Log(p)) + times(n-float64(k), math.Log1p(-p)))
	}
	return all
}

// expectation is the exact mean of exp(log) over all that two arms can do.
func expectation(xc, pc, xs, ps float64, log func(canary, stable Arm) float64) float64 {
	mean := 0.0
	stable := binomial(xs, ps)
	for ec, chance := range binomial(xc, pc) {
		for es, other := range stable {
			mean += chance * other * math.Exp(log(Arm{xc, float64(ec)}, Arm{xs, float64(es)}))
		}
	}
	return mean
}

func TestRatioNeverGainsUnderItsNull(t *testing.T) {
	for _, c := range []struct{ m, p, want float64 }{
		{1.1, .01, 0.99993387}, {2, .01, 0.99446375}, {30, .01, 0.69827760}, {1.1, .4, 0.90150051}, {2, .4, 0.00053311},
	} {
		got := expectation(150, c.p, 1350, c.p, func(canary, stable Arm) float64 {
			test := newRatio(1, []float64{c.m}, nil, 1)
			test.Add(canary, stable, 1)
			return test.Log()
		})
		require.InDelta(t, c.want, got, 1e-8, "m %v, p %v", c.m, c.p)
	}
}

// TestNothingGainsUnderItsNull adds up all that can happen in small arms: on average a true null costs, or keeps, the wealth.
func TestNothingGainsUnderItsNull(t *testing.T) {
	const exact = 1e-9
	one := func(add func(canary, stable Arm) float64) func(Arm, Arm) float64 { return add }
	for _, x := range [][2]float64{{1, 1}, {5, 20}, {20, 20}, {12, 60}, {40, 3}} {
		for _, p := range []float64{.001, .01, .1, .4} {
			for _, phi := range []float64{1, 2.5} {
				name := fmt.Sprintf("%v at %v, phi %v", x, p, phi)
				for _, null := range []float64{1, 1.1, 1.25} {
					require.LessOrEqual(t, expectation(x[0], null*p, x[1], p, one(func(canary, stable Arm) float64 {
						test := NewWorse(null, 1)
						test.Add(canary, stable, phi)
						return test.Log()
					})), 1+exact, "worse than %v: %s", null, name)
				}
				require.LessOrEqual(t, expectation(x[0], 2*p, x[1], p, func(canary, stable Arm) float64 {
					test := NewNotWorse(2)
					test.Add(canary, stable, phi)
					return test.Log()
				}), 1+exact, "not worse: %s", name)
				require.LessOrEqual(t, expectation(x[0], p, x[1], p, func(canary, stable Arm) float64 {
					test := NewFisher(1)
					test.Add(canary, stable, phi)
					return test.Log()
				}), 1+exact, "fisher: %s", name)
				for what, test := range map[string]func() *Threshold{
					"violation": func() *Threshold { return NewViolation(p, 1) }, "meets": func() *Threshold { return NewMeets(p) },
				} {
					require.LessOrEqual(t, expectation(x[0], p, 0, p, func(canary, _ Arm) float64 {
						arm := test()
						arm.Add(canary, phi)
						return arm.Log()
					}), 1+exact, "%s: %s", what, name)
				}
			}
		}
	}
}

// TestSplitNeverGainsUnderItsNull: the requests of an interval are shared out as declared, or within the tolerance.
func TestSplitNeverGainsUnderItsNull(t *testing.T) {
	for _, odds := range []float64{1 / 1.1, 1, 1.1} {
		weight := 0.1
		share := odds * weight / (odds*weight + 1 - weight)
		mean := 0.0
		for canary, chance := range binomial(200, share) {
			test := NewSplit(0.1, 1)
			test.Add(float64(canary), float64(200-canary), weight, 1)
			mean += chance * math.Exp(test.Log())
		}
		require.LessOrEqual(t, mean, 1+1e-9)
	}
}

func TestInvestingKeepsTheWealth(t *testing.T) {
	test := NewWorse(1, 0.5)
	for k := range 40 {
		scrape := scrapes[k%len(scrapes)]
		before := test.Log()
		test.Invest(0.03)
		require.InDelta(t, before, test.Log(), 1e-12)
		test.Add(scrape[0], scrape[1], 1)
	}
	require.Zero(t, test.Cash())
}

func TestMerge(t *testing.T) {
	require.InDelta(t, math.Log((3*100+1*2)/4.0), Merge([]float64{math.Log(100), math.Log(2)}, []float64{3, 1}), 1e-12)
	require.Zero(t, Merge(nil, nil))
	require.Zero(t, Merge([]float64{1}, []float64{0}))
	require.InDelta(t, 900.0-math.Log(2), Merge([]float64{900, -900}, nil), 1e-9)
}

// extremes are what a broken or a huge counter may give.
var extremes = []float64{0, 1, 0.5, 3, 1500, 1e9, 1e15, 1e16, math.MaxFloat64, math.SmallestNonzeroFloat64, -1, math.Inf(1), math.Inf(-1), math.NaN()}

// TestNoNaN and FuzzNoNaN share what they check.
func noNaN(t *testing.T, canary, stable Arm, phi float64) {
	t.Helper()
	ratio, safe, fisher, violation, meets := NewWorse(1.1, 0.5), NewNotWorse(2), NewFisher(0.5), NewViolation(0.01, 0.5), NewMeets(0.01)
	split, band, noise, difference, guard := NewSplit(0.1, 0.5), NewBand(1), NewNoise(), NewDifference(20000), Guard{}
	for range 3 {
		ratio.Add(canary, stable, phi)
		ratio.Invest(0.1)
		safe.Add(canary, stable, phi)
		if canary.Exposures < 1e10 && stable.Exposures < 1e10 {
			fisher.Add(canary, stable, phi)
		}
		violation.Add(canary, phi)
		meets.Add(canary, phi)
		split.Add(canary.Exposures, stable.Exposures, canary.Events, phi)
		band.Add(canary, stable, phi)
		noise.Add(canary, stable, 1)
		difference.Add(1, canary, stable)
		guard.Jumps(canary, stable)
	}
	r, low, high := band.Range(0.05)
	bottom, top := RateBand(canary, 0.05)
	d, se, half := difference.Range(0.05, phi)
	for i, v := range []float64{
		ratio.Log(), safe.Log(), fisher.Log(), violation.Log(), meets.Log(), split.Log(), noise.Phi(), r, low, high, bottom, top, d, se, half,
	} {
		require.False(t, math.IsNaN(v), "number %d of %v, %v, phi %v", i, canary, stable, phi)
	}
	for i, v := range []float64{ratio.Log(), safe.Log(), fisher.Log(), violation.Log(), meets.Log(), split.Log()} {
		require.False(t, math.IsInf(v, 0), "number %d of %v, %v, phi %v", i, canary, stable, phi)
	}
	require.LessOrEqual(t, low, high)
	require.LessOrEqual(t, bottom, top)
}

func TestNoNaN(t *testing.T) {
	for _, xc := range extremes {
		for _, ec := range extremes {
			noNaN(t, Arm{xc, ec}, Arm{1350, 12}, 1)
			noNaN(t, Arm{150, 3}, Arm{xc, ec}, 2)
			noNaN(t, Arm{xc, ec}, Arm{xc, ec}, math.NaN())
			noNaN(t, Arm{xc, ec}, Arm{ec, xc}, math.Inf(1))
		}
	}
}

func FuzzNoNaN(f *testing.F) {
	f.Add(150.0, 3.0, 1350.0, 12.0, 1.0)
	f.Add(1e9, 1e9, 1e9, 0.0, 50.0)
	f.Fuzz(func(t *testing.T, xc, ec, xs, es, phi float64) { noNaN(t, Arm{xc, ec}, Arm{xs, es}, phi) })
}
