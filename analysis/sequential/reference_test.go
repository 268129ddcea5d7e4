package sequential

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// The worked examples of the research note, to the precision that it prints, which an implementation in another language agrees on.

// scrapes are those of example A1, canary before stable.
var scrapes = [][2]Arm{{{150, 3}, {1350, 12}}, {{148, 5}, {1352, 14}}, {{152, 6}, {1348, 13}}, {{151, 7}, {1349, 12}}}

func TestRatioA1(t *testing.T) {
	test := NewWorse(1, 1)
	for k, want := range []float64{0.078748, 1.552186, 4.229505, 8.428062} {
		require.True(t, test.Add(scrapes[k][0], scrapes[k][1], 1))
		require.InDelta(t, want, test.Log(), 1e-6)
		if k == 0 {
			require.InDeltaSlice(t, []float64{.136676, .299041, .484543, .649789, .561014, -.218770, -2.720053, -10.211056}, test.logs, 1e-6)
		}
	}
	require.InDeltaSlice(t, []float64{1.283836, 2.905059, 4.995852, 7.682274, 9.9227, 9.536315, 2.08166, -26.657254}, test.logs, 1e-6)

	noisy, margin := NewWorse(1, 1), NewWorse(1.25, 1)
	for _, scrape := range scrapes {
		noisy.Add(scrape[0], scrape[1], 2)
		margin.Add(scrape[0], scrape[1], 1)
	}
	require.InDelta(t, 3.714273, noisy.Log(), 1e-6)
	require.InDelta(t, 5.665345, margin.Log(), 1e-6)
}

func TestRatioA2(t *testing.T) {
	for events, want := range map[float64]float64{1: 3.0728, 2: 14.2372, 3: 84.2713, 4: 561.1351, 5: 3960.0336, 6: 28850.1179} {
		test := NewWorse(1, 1)
		test.Add(Arm{100, events}, Arm{900, 0}, 1)
		require.InDelta(t, want, math.Exp(test.Log()), 1e-4)
	}
}

func TestRatioA3(t *testing.T) {
	test := NewWorse(1, 0.5)
	cash := []float64{.50, .45, .40, .35}
	for k, want := range []float64{0.040149, 1.089241, 3.626930, 7.827675} {
		if k > 0 {
			test.Invest(0.05)
		}
		test.Add(scrapes[k][0], scrapes[k][1], 1)
		require.InDelta(t, want, test.Log(), 1e-6)
		require.InDelta(t, cash[k], test.Cash(), 1e-12)
	}
}

func TestNotWorse(t *testing.T) {
	for _, c := range []struct {
		canary, stable Arm
		want           float64
	}{
		{Arm{1500, 15}, Arm{13500, 135}, 3.420439},
		{Arm{2000, 20}, Arm{18000, 180}, 4.659825},
		{Arm{1500, 30}, Arm{13500, 135}, -2.705847},
		{Arm{500, 0}, Arm{4500, 40}, 4.726554},
	} {
		test := NewNotWorse(2)
		test.Add(c.canary, c.stable, 1)
		require.InDelta(t, c.want, test.Log(), 1e-6)
	}
}

func TestBand(t *testing.T) {
	for _, c := range []struct {
		scrapes          [][2]Arm
		ratio, low, high float64
	}{
		{[][2]Arm{{{1500, 30}, {13500, 135}}}, 2.0000, 1.0175, 3.6130},
		{[][2]Arm{{{1500, 15}, {13500, 135}}}, 1.0000, 0.4063, 2.0690},
		{scrapes, 3.6987, 1.5120, 8.2038},
	} {
		band := NewBand(1)
		for _, scrape := range c.scrapes {
			band.Add(scrape[0], scrape[1], 1)
		}
		ratio, low, high := band.Range(0.05)
		require.InDelta(t, c.ratio, ratio, 6e-5)
		require.InDelta(t, c.low, low, 6e-5)
		require.InDelta(t, c.high, high, 6e-5)
	}

	endless := NewBand(1)
	endless.Add(Arm{1500, 8}, Arm{13500, 0}, 1)
	ratio, low, high := endless.Range(0.05)
	require.True(t, math.IsInf(ratio, 1))
	require.True(t, math.IsInf(high, 1))
	require.Greater(t, low, 1.0)
}

func TestSplit(t *testing.T) {
	for counts, want := range map[[2]float64][2]float64{
		{1650, 13350}: {5.466425, -2.281470},
		{1800, 13200}: {28.630274, 6.502478},
		{1200, 13800}: {32.629296, 8.883701},
		{1500, 13500}: {-1.976196, -4.747341},
	} {
		for i, tau := range []float64{0, 0.1} {
			test := NewSplit(tau, 1)
			test.Add(counts[0], counts[1], 0.1, 1)
			require.InDelta(t, want[i], test.Log(), 1e-6, "%v at %v", counts, tau)
		}
	}
}

func TestThreshold(t *testing.T) {
	for events, want := range map[float64]float64{15: -1.467755, 25: 1.441249, 30: 4.153999, 40: 12.325272} {
		test := NewViolation(0.01, 1)
		test.Add(Arm{1500, events}, 1)
		require.InDelta(t, want, test.Log(), 1e-6)
	}
	for arm, want := range map[Arm]float64{{1500, 5}: 3.643326, {1500, 2}: 8.201167, {500, 0}: 3.953961} {
		test := NewMeets(0.01)
		test.Add(arm, 1)
		require.InDelta(t, want, test.Log(), 1e-6)
	}
	burn := NewViolation(14.4*0.001, 1)
	burn.Add(Arm{600, 20}, 1)
	require.InDelta(t, 3.872380, burn.Log(), 1e-6)
}

func TestRateBand(t *testing.T) {
	for arm, want := range map[Arm][2]float64{{1000, 20}: {0.007326, 0.042149}, {1000, 0}: {0, 0.009856}, {50, 5}: {0.015659, 0.287660}} {
		low, high := RateBand(arm, 0.05)
		require.InDelta(t, want[0], low, 1e-6)
		require.InDelta(t, want[1], high, 1e-6)
	}
}

func TestFisher(t *testing.T) {
	require.InDelta(t, 4.38943047, math.Exp(fisherLog(Arm{10, 4}, Arm{30, 2}, 2)), 1e-8)
	require.InDelta(t, 13.07708598, math.Exp(fisherLog(Arm{10, 4}, Arm{30, 2}, 5)), 1e-8)
}

func TestQuantileBand(t *testing.T) {
	h := Histogram{Edges: []float64{.05, .1, .25, .5, 1}, Below: []float64{300, 620, 900, 970, 995}, Count: 1000}
	for i, want := range [][2]float64{{942.4932, -63.9531}, {427.4731, -33.4538}, {18.7447, -6.7663}, {-3.8930, 3.6581}, {-6.3016, 30.9957}} {
		tail, _ := h.Tail(h.Edges[i])
		require.InDelta(t, want[0], quantileLog(tail, 0.95, true), 6e-5)
		require.InDelta(t, want[1], quantileLog(tail, 0.95, false), 6e-5)
	}
	require.InDelta(t, -6.7787, quantileLog(Arm{1000, 0}, 0.95, true), 6e-5)
	require.InDelta(t, 39.0312, quantileLog(Arm{1000, 0}, 0.95, false), 6e-5)
	low, high := QuantileBand(h, 0.95, 0.05)
	require.InDelta(t, 0.25, low, 0)
	require.InDelta(t, 1, high, 0)
}

func TestDifference(t *testing.T) {
	test := NewDifference(20000)
	test.Add(500000, Arm{10000, 300}, Arm{10000, 360})
	difference, se, half := test.Range(0.05, 1)
	require.InDelta(t, 0.0060, difference, 1e-12)
	require.InDelta(t, 0.0025259, se, 6e-8)
	require.InDelta(t, 0.0076668, half, 6e-8)
	require.InDelta(t, 0.0049508, 1.959964*se, 6e-8)
}

func TestResidual(t *testing.T) {
	squares := 0.0
	for _, scrape := range scrapes {
		squares += NewResidual(scrape[0], scrape[1], 1).Square()
	}
	require.InDelta(t, 32.089146, squares, 1e-6)
	require.InDelta(t, 8.022287, squares/4, 1e-6)
}

func TestInformation(t *testing.T) {
	std := Traffic{Rate: 100, Weight: 0.1, Base: 0.01}
	for ratio, want := range map[float64][2]float64{1.5: {0.009590, 637}, 2: {0.033788, 181}, 3: {0.110798, 55}, 5: {0.333658, 18}} {
		require.InDelta(t, want[0], std.Information(ratio, 1), 1e-6)
		require.InDelta(t, want[1], std.Seconds(ratio, 1, 0.01, OvershootWorse), 0.5)
		require.InDelta(t, ratio, std.Detectable(1, 0.01, std.Seconds(ratio, 1, 0.01, OvershootWorse)), 1e-6)
	}
	for null, want := range map[float64][2]float64{1.25: {0.002378, 1554}, 1.5: {0.008244, 448}, 2: {0.025995, 142}, 3: {0.072460, 51}} {
		require.InDelta(t, want[0], std.Information(1, null), 1e-6)
		require.InDelta(t, want[1], std.Seconds(1, null, 0.05, OvershootSafe), 0.5)
	}
}

func TestFewestEvents(t *testing.T) {
	for weight, want := range map[float64][2]int{0.01: {3, 2}, 0.05: {3, 2}, 0.1: {4, 3}, 0.25: {5, 4}, 0.5: {10, 7}} {
		require.Equal(t, want[0], FewestEvents(weight, 1, 0.01))
		require.Equal(t, want[1], FewestEvents(weight, 1, 0.05))
	}
}
