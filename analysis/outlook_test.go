package analysis

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"

	"crossfade.io/crossfade/analysis/sequential"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// TestOutlook: the standard scenario passes within 150 s on average by the table of docs/judges.md, scrapes included.
func TestOutlook(t *testing.T) {
	asked := DefaultComparison()
	std := sequential.Traffic{Rate: 100, Weight: 0.1, Base: 0.01, Phi: 1}
	usual := asked.Outlook(std)
	require.InDelta(t, 120, usual.Seconds(), 40)

	quiet, wide, noisy, half := std, std, std, std
	quiet.Rate, wide.Weight, noisy.Phi, half.Weight = 10, 0.2, 9, 0.5
	require.InDelta(t, 10*usual.Seconds(), asked.Outlook(quiet).Seconds(), 1)
	require.Less(t, asked.Outlook(wide), usual)
	require.InDelta(t, 9*usual.Seconds(), asked.Outlook(noisy).Seconds(), 1)
	require.Greater(t, asked.Outlook(half), time.Duration(0))

	faultless := std
	faultless.Base = 0
	floor := asked.Outlook(faultless)
	require.Greater(t, floor, time.Minute, "so many requests without an error show that it is under the floor")
	require.Less(t, floor, time.Hour)
	asked.Floor = 0
	require.Zero(t, asked.Outlook(faultless), "no errors, no ratio")
	require.Zero(t, asked.Outlook(sequential.Traffic{Weight: 0.1, Base: 0.01}), "no requests")
}

// TestForecastByTheFloor: of a canary that passes by the floor, for want of errors, is said how long that takes.
func TestForecastByTheFloor(t *testing.T) {
	const scrape = 15 * time.Second
	for name, test := range map[string]struct{ rate, weight, errors, phi, within float64 }{
		"1 a second":              {1, 0.5, 0, 1, 2},
		"10 a second":             {10, 0.5, 0, 1, 2},
		"100 a second":            {100, 0.5, 0, 1, 2},
		"a tenth of 10 a second":  {10, 0.1, 0, 1, 2},
		"noise that nobody knows": {10, 0.5, 0, 0, 2},
		"hardly any errors":       {100, 0.05, 0.00005, 1, 3},
	} {
		t.Run(name, func(t *testing.T) {
			asked := DefaultComparison()
			asked.Phi = test.phi
			judge, source, left := NewCompare(asked), rand.NewPCG(1, 2), map[time.Duration]time.Duration{}
			count := func(mean float64) float64 { return distuv.Poisson{Lambda: mean, Src: source}.Rand() }
			arm := func(share float64) Counts {
				c := Counts{Exposures: count(test.rate * share * scrape.Seconds())}
				if test.errors > 0 {
					c.Events = count(c.Exposures * test.errors)
				}
				return c
			}
			f := Finding{}
			for at := time.Unix(0, 0); f.Verdict != v1alpha1.VerdictPass && at.Before(time.Unix(24*3600, 0)); at = at.Add(scrape) {
				judge.Add(Interval{Start: at, End: at.Add(scrape), Canary: arm(test.weight), Stable: arm(1 - test.weight), Weight: int32(1e6 * test.weight)})
				if f = judge.Finding(); f.Used > 0 && f.Verdict == v1alpha1.VerdictInconclusive {
					require.Contains(t, f.Reason, ", decides in about ")
					left[f.After()] = f.ETA
				}
			}
			require.Equal(t, v1alpha1.VerdictPass, f.Verdict)
			passed := f.After()
			for after, eta := range left {
				if real := passed - after; real > 4*scrape {
					require.Greater(t, test.within*eta.Seconds(), real.Seconds(), "%s after, of %s", after, passed)
					require.Less(t, eta.Seconds(), test.within*real.Seconds(), "%s after, of %s", after, passed)
				}
			}
			phi := test.phi
			if phi == 0 {
				phi = sequential.NewNoise().Phi()
			}
			said := asked.Outlook(sequential.Traffic{Rate: test.rate, Weight: test.weight, Base: test.errors, Phi: phi})
			require.InEpsilon(t, passed.Seconds(), said.Seconds(), 1)
			t.Log("passes after", passed, "by the outlook", said)
		})
	}
}
