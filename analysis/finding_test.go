package analysis

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis/sequential"
	"crossfade.io/crossfade/apis/v1alpha1"
)

func TestFindingAges(t *testing.T) {
	judge := NewCompare(plain())
	judge.Add(steady(12, Counts{150, 1.5}, Counts{1350, 13.5})...)
	f := judge.Finding()
	require.Equal(t, f, f.Aged(f.Last.Add(30*time.Second)))
	require.Equal(t, v1alpha1.VerdictNoData, f.Aged(f.Last.Add(31*time.Second)).Verdict)
	f.Verdict = v1alpha1.VerdictFail
	require.Equal(t, f, f.Aged(f.Last.Add(time.Hour)))

	rare := NewThreshold(Limits{Interval: 5 * time.Minute, Count: 2})
	rare.Add(Measurement{At: noon, Outcome: OutcomeSuccess})
	require.Equal(t, v1alpha1.VerdictInconclusive, rare.Finding().Aged(noon.Add(10*time.Minute)).Verdict)
	require.Equal(t, v1alpha1.VerdictNoData, rare.Finding().Aged(noon.Add(11*time.Minute)).Verdict)
	rare.Add(Measurement{At: noon.Add(5 * time.Minute), Outcome: OutcomeSuccess})
	require.Equal(t, v1alpha1.VerdictPass, rare.Finding().Aged(noon.Add(time.Hour)).Verdict, "it is asked nothing more")
}

// TestNothingPassesByWhatIsOld: what was good once says nothing of what can't be compared any more.
func TestNothingPassesByWhatIsOld(t *testing.T) {
	const edge = 0.5
	slow := func(counts Counts) sequential.Histogram {
		return sequential.Histogram{Edges: []float64{edge}, Below: []float64{counts.Exposures - counts.Events}, Count: counts.Exposures}
	}
	for name, judge := range map[string]func() judging{
		"compare": func() judging { return NewCompare(plain()) },
		"slo":     func() judging { return NewSLO(DefaultObjective(0.99)) },
		"latency": func() judging {
			asked := DefaultLatency()
			asked.Phi = 1
			return &slowly{NewLatency(asked, slow(Counts{1000, 10})), slow}
		},
	} {
		for what, after := range map[string][2]Counts{
			"canary without requests":                 {{0, 0}, {1500, 15}},
			"stable without requests, canary failing": {{1500, 1500}, {0, 0}},
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				j := judge()
				good := steady(40, Counts{150, 1.5}, Counts{1350, 13.5})
				j.Add(good...)
				require.Equal(t, v1alpha1.VerdictPass, j.Verdict(), j.Finding().Reason)
				bad := following(good, steady(240, after[0], after[1]))[40:]
				j.Add(bad[0])
				if name != "slo" || after[0].Exposures == 0 {
					require.Equal(t, v1alpha1.VerdictNoData, j.Finding().Aged(bad[0].End.Add(20*time.Second)).Verdict, "of use is what ages")
				}
				j.Add(bad[1:]...)
				want := v1alpha1.VerdictNoData
				if name == "slo" && after[0].Events > 0 {
					want = v1alpha1.VerdictFail // It needs no stable.
				}
				require.Equal(t, want, j.Verdict())
				require.Equal(t, want, j.Finding().Verdict, j.Finding().Reason)
			})
		}
	}
}

// slowly hands intervals on to a Latency.
type slowly struct {
	*Latency
	histogram func(Counts) sequential.Histogram
}

func (s *slowly) Add(intervals ...Interval) {
	for _, i := range intervals {
		s.Latency.Add(LatencyInterval{Start: i.Start, End: i.End, Canary: s.histogram(i.Canary), Stable: s.histogram(i.Stable), Weight: i.Weight})
	}
}

// TestMoreErrorsThanRequests: a request that is counted as several errors is as bad as one.
func TestMoreErrorsThanRequests(t *testing.T) {
	for name, before := range map[string]int{"from the start": 0, "after a quiet time": 80} {
		t.Run(name, func(t *testing.T) {
			judge := NewCompare(DefaultComparison())
			all := append(steady(before, Counts{150, 0}, Counts{1350, 1}), steady(40, Counts{150, 300}, Counts{1350, 13})...)
			judge.Add(all...)
			require.Equal(t, v1alpha1.VerdictFail, judge.Verdict(), judge.Finding().Reason)
		})
	}
}

// TestNothingPassesInDoubt: what was good for 20 minutes passes no longer once there is some evidence against it, confirmed or not.
func TestNothingPassesInDoubt(t *testing.T) {
	for name, judge := range map[string]func() (judging, func() float64){
		"compare": func() (judging, func() float64) { c := NewCompare(plain()); return c, c.doubtLog },
		"slo": func() (judging, func() float64) {
			asked := DefaultObjective(0.99)
			asked.Burn = 1.5
			s := NewSLO(asked)
			return s, s.above.Log
		},
	} {
		t.Run(name, func(t *testing.T) {
			j, doubtLog := judge()
			good := steady(80, Counts{150, 0.9}, Counts{1350, 8.1})
			j.Add(good...)
			require.Equal(t, v1alpha1.VerdictPass, j.Verdict(), j.Finding().Reason)
			doubted := 0
			for _, interval := range following(good, steady(200, Counts{150, 4.5}, Counts{1350, 13.5}))[80:] {
				j.Add(interval)
				if j.Verdict() == v1alpha1.VerdictPass {
					require.Less(t, doubtLog(), math.Log(5))
				}
				if f := j.Finding(); f.Verdict == v1alpha1.VerdictInconclusive && reaches(f.Safe, defaultAlphaPass) {
					doubted++
					require.Contains(t, f.Reason, "from 5 on nothing passes")
				}
			}
			require.Positive(t, doubted)
			require.Equal(t, v1alpha1.VerdictFail, j.Verdict(), j.Finding().Reason)
		})
	}
}

// TestGuardNeedsConfirming: an alarm on the interval before a jump would stand on what is taken back.
func TestGuardNeedsConfirming(t *testing.T) {
	asked := plain()
	asked.Confirm = 1
	judge := NewCompare(asked)
	judge.Add(following(steady(20, Counts{150, 1.5}, Counts{1350, 13.5}), steady(1, Counts{150, 27}, Counts{1350, 12}))...)
	require.NotEqual(t, v1alpha1.VerdictFail, judge.Verdict(), judge.Finding().Reason)
}
