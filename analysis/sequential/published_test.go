package sequential

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// What others have published, where Difference is the same formula: confseq's unit test of the two-sided normal mixture, and
// GrowthBook's of its sequential intervals.
func TestHalfWidthAsPublished(t *testing.T) {
	rho := 100 / (-2*math.Log(.05) + math.Log(1-2*math.Log(.05)))
	require.InDelta(t, 12.60056, rho, 1e-5, "best_rho")
	require.InDelta(t, -0.6510052, 0.5*math.Log(rho/(100+rho))+100/(2*(100+rho)), 1e-7, "normal_log_mixture")
	require.InDelta(t, 30.35209, 100*halfWidth(0.1, 100, 100, 0.05), 1e-5, "normal_mixture_bound")

	// effect is the relative effect of two arms with sums, sums of squares and sizes, by the delta method.
	type arm struct{ sum, squares, n float64 }
	effect := func(a, b arm) (relative, se float64) {
		mean := func(x arm) float64 { return x.sum / x.n }
		variance := func(x arm) float64 { return (x.squares - x.sum*x.sum/x.n) / (x.n - 1) / x.n }
		relative = mean(b)/mean(a) - 1
		return relative, math.Sqrt(variance(b)/math.Pow(mean(a), 2) + variance(a)*math.Pow(mean(b), 2)/math.Pow(mean(a), 4))
	}
	relative, se := effect(arm{1396.87, 52377.9767, 3000}, arm{2422.7, 134698.29, 3461})
	half := halfWidth(se, 6461, 1000, 0.05)
	require.InDelta(t, -0.55844, relative-half, 1e-5)
	require.InDelta(t, 1.56516, relative+half, 1e-5)

	// Of proportions GrowthBook takes p(1-p)/n, as Difference does.
	pa, pb := 1396.0/3000, 2422.0/3461
	relative = pb/pa - 1
	se = math.Sqrt(Moments{3461, 2422, 2422}.variance()/(pa*pa) + Moments{3000, 1396, 1396}.variance()*pb*pb/math.Pow(pa, 4))
	half = halfWidth(se, 6461, 5000, 0.05)
	require.InDelta(t, 0.50386, relative, 1e-5)
	require.InDelta(t, 0.03386, se, 1e-5)
	require.InDelta(t, 0.40098, relative-half, 1e-5)
	require.InDelta(t, 0.60675, relative+half, 1e-5)
}

// Optimizely's ssrm has another formula for the split, a Dirichlet mixture without tolerance; its rows show that logBeta's gammas
// serve such sums. The product doesn't use it, since it flags a harmless 10.5 % of a declared 10 %.
func TestDirichletAsPublished(t *testing.T) {
	theta, prior := []float64{.4, .4, .2}, []float64{1, 1, 1}
	want := [][2]float64{{-7.028201, -4.077641}, {-11.947848, -8.265947}, {-15.471401, -11.610744}, {-19.964845, -15.781031}}
	mixture, null := 0.0, 0.0
	for row, counts := range [][]float64{{20, 17, 9}, {18, 21, 8}, {4, 6, 4}, {18, 19, 11}} {
		n, before := 0.0, 0.0
		for i, count := range counts {
			n, before = n+count, before+prior[i]
		}
		coefficient := logGamma(n + 1)
		mixture += logGamma(before) - logGamma(before+n)
		for i, count := range counts {
			coefficient -= logGamma(count + 1)
			mixture += logGamma(prior[i]+count) - logGamma(prior[i])
			null += count * math.Log(theta[i])
			prior[i] += count
		}
		mixture, null = mixture+coefficient, null+coefficient
		require.InDelta(t, want[row][0], mixture, 1e-6)
		require.InDelta(t, want[row][1], null, 1e-6)
	}
}
