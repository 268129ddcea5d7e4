package analysis

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// steady are intervals of 15 s at a weight of 10 %, one for each pair of counts.
func steady(count int, canary, stable Counts) []Interval {
	all := make([]Interval, count)
	for k := range all {
		start := noon.Add(time.Duration(k) * 15 * time.Second)
		all[k] = Interval{Start: start, End: start.Add(15 * time.Second), Canary: canary, Stable: stable, Weight: 100_000}
	}
	return all
}

// following puts intervals after others in time.
func following(before, after []Interval) []Interval {
	last := before[len(before)-1].End
	for _, interval := range after {
		interval.Start, interval.End = last, last.Add(interval.End.Sub(interval.Start))
		before, last = append(before, interval), interval.End
	}
	return before
}

func plain() Comparison {
	asked := DefaultComparison()
	asked.Phi = 1
	return asked
}

func TestCompare(t *testing.T) {
	good, fine, bad := Counts{150, 1.5}, Counts{1350, 13.5}, Counts{150, 7.5}
	for name, c := range map[string]struct {
		intervals []Interval
		change    func(*Comparison)
		want      v1alpha1.Verdict
		reason    string
	}{
		"nothing was scraped": {want: v1alpha1.VerdictNoData, reason: "error rate not known: in no interval did both canary and stable have requests"},
		"the canary had no requests": {
			intervals: steady(20, Counts{}, fine),
			want:      v1alpha1.VerdictNoData, reason: "error rate not known: in no interval did both canary and stable have requests",
		},
		"five times as bad": {
			intervals: steady(8, bad, fine),
			want:      v1alpha1.VerdictFail, reason: "error rate 5.0x stable (2.0-11.7), evidence 764 >= 100, after 45s and 22 errors",
		},
		"an alarm must stand on two intervals": {
			intervals: steady(2, bad, fine),
			want:      v1alpha1.VerdictInconclusive,
			reason:    "error rate 5.0x stable (1.6-13.9), evidence of its being worse 13 of 100, of its being under 2x or 0.1 % <0.1 of 20, decides in about 7s",
		},
		"as good as stable": {
			intervals: steady(12, good, fine),
			want:      v1alpha1.VerdictPass, reason: "error rate 1.0x stable (0.4-2.0), shown to be under 2x or 0.1 %: evidence 32 >= 20, after 3m0s and 18 errors",
		},
		"as bad as the limit": {
			intervals: steady(20, Counts{150, 3}, fine),
			change:    func(c *Comparison) { c.Margin = 2 },
			want:      v1alpha1.VerdictInconclusive,
		},
		"worse, but under the floor": {
			intervals: steady(40, Counts{15000, 12}, Counts{135000, 13.5}),
			change:    func(c *Comparison) { c.Floor = 0.001 },
			want:      v1alpha1.VerdictPass,
		},
		"the same without a floor": {
			intervals: steady(40, Counts{15000, 12}, Counts{135000, 13.5}),
			change:    func(c *Comparison) { c.Floor = 0 },
			want:      v1alpha1.VerdictFail,
		},
		"a little worse is within the margin": {
			intervals: steady(240, Counts{7500, 82.5}, Counts{67500, 675}),
			want:      v1alpha1.VerdictPass,
		},
		"which would not be without it": {
			intervals: steady(240, Counts{7500, 82.5}, Counts{67500, 675}),
			change:    func(c *Comparison) { c.Margin = 1 },
			want:      v1alpha1.VerdictFail,
		},
		"noise makes evidence slow": {
			intervals: steady(8, bad, fine),
			change:    func(c *Comparison) { c.Phi = 9 },
			want:      v1alpha1.VerdictInconclusive,
		},
		"it fails for good": {
			intervals: following(steady(8, bad, fine), steady(200, good, fine)),
			want:      v1alpha1.VerdictFail,
		},
	} {
		t.Run(name, func(t *testing.T) {
			asked := plain()
			if c.change != nil {
				c.change(&asked)
			}
			judge := NewCompare(asked)
			judge.Add(c.intervals...)
			f := judge.Finding()
			require.Equal(t, c.want, f.Verdict, f.Reason)
			require.Equal(t, c.want, judge.Verdict())
			require.NotEmpty(t, f.Reason)
			if c.reason != "" {
				require.Equal(t, c.reason, f.Reason)
			}
		})
	}
}

func TestCompareAsksMoreOfHalfTheTraffic(t *testing.T) {
	judge := NewCompare(plain())
	for _, interval := range steady(4, Counts{750, 7.5}, Counts{750, 7.5}) {
		interval.Weight = 500_000
		judge.Add(interval)
	}
	require.Equal(t, v1alpha1.VerdictInconclusive, judge.Verdict(), "under 2x is not enough at half")
	require.Contains(t, judge.Finding().Reason, "under 1.5x")
}

// TestFindsWhatTurnsBadLate: a canary that was good for 20 minutes has nothing to its credit.
func TestFindsWhatTurnsBadLate(t *testing.T) {
	fine, good, bad := Counts{13500, 13.5}, Counts{1500, 1.5}, Counts{1500, 7.5}
	for name, judge := range map[string]func(Restarts) judging{
		"by the ratio": func(restarts Restarts) judging {
			asked := plain()
			asked.Restarts, asked.Floor = restarts, 0
			return NewCompare(asked)
		},
		"by the floor": func(restarts Restarts) judging {
			asked := plain()
			asked.Restarts, asked.Floor, asked.Margin = restarts, 0.002, 0.1
			return NewCompare(asked)
		},
		"by an objective": func(restarts Restarts) judging {
			asked := DefaultObjective(0.998)
			asked.Restarts, asked.Burn = restarts, 1
			return NewSLO(asked)
		},
	} {
		t.Run(name, func(t *testing.T) {
			after := func(restarts Restarts) int {
				j := judge(restarts)
				intervals := following(steady(80, good, fine), steady(80, bad, fine))
				j.Add(intervals[:80]...)
				require.NotEqual(t, v1alpha1.VerdictFail, j.Verdict(), j.Finding().Reason)
				for k, interval := range intervals[80:] {
					if j.Add(interval); j.Verdict() == v1alpha1.VerdictFail {
						return k + 1
					}
				}
				return len(intervals)
			}
			with, without := after(DefaultRestarts()), after(Restarts{})
			require.LessOrEqual(t, with, 6)
			require.Greater(t, without, with)
		})
	}
}

// TestCompareLeavesJumpsOut: the canary's scrape sees an incident 12 s before stable's, so that it looks bad by itself.
func TestCompareLeavesJumpsOut(t *testing.T) {
	before, early := steady(20, Counts{150, 2}, Counts{1350, 13}), steady(1, Counts{150, 27}, Counts{1350, 12})
	incident := following(steady(2, Counts{150, 34}, Counts{1350, 240}), steady(10, Counts{150, 30}, Counts{1350, 270}))
	for name, guard := range map[string]bool{"with the guard": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			asked := plain()
			asked.Guard, asked.Margin = guard, 1
			judge := NewCompare(asked)
			judge.Add(following(following(before, early), incident)...)
			f := judge.Finding()
			if !guard {
				require.Equal(t, v1alpha1.VerdictFail, f.Verdict)
				return
			}
			require.NotEqual(t, v1alpha1.VerdictFail, f.Verdict, f.Reason)
			require.Equal(t, 3, f.LeftOut, "the one before the jump too")
			require.Equal(t, 30, f.Used)
		})
	}
}

// TestCompareFindsBursts: 30 errors every five minutes are jumps, each of them, and no incident.
func TestCompareFindsBursts(t *testing.T) {
	judge := NewCompare(plain())
	intervals := steady(240, Counts{Exposures: 150}, Counts{Exposures: 1350})
	for k := range intervals {
		if k%20 == 10 {
			intervals[k].Canary.Events = 30
		}
	}
	judge.Add(intervals...)
	require.Equal(t, v1alpha1.VerdictFail, judge.Verdict(), judge.Finding().Reason)
}

// TestNothingPassesByWhatWasLeftOut: one burst is a jump, which may be an incident; but it may also be the canary.
func TestNothingPassesByWhatWasLeftOut(t *testing.T) {
	intervals := steady(24, Counts{150, 1.5}, Counts{1350, 13.5})
	judge := NewCompare(plain())
	judge.Add(intervals...)
	require.Equal(t, v1alpha1.VerdictPass, judge.Verdict())
	intervals[12].Canary.Events = 60
	judge = NewCompare(plain())
	judge.Add(intervals...)
	require.Equal(t, v1alpha1.VerdictInconclusive, judge.Verdict(), judge.Finding().Reason)
	require.Equal(t, 4, judge.Finding().LeftOut)
}

func TestCompareLearnsNoise(t *testing.T) {
	asked := plain()
	asked.Phi = 0
	judge := NewCompare(asked)
	require.InDelta(t, 8, judge.Finding().Phi, 0)
	judge.Add(steady(240, Counts{150, 1.5}, Counts{1350, 13.5})...)
	require.Less(t, judge.Finding().Phi, 4.0)
}

// noisy is an hour of chance, in which the canary is so many times as bad.
func noisy(seed uint64, ratio float64) []Interval {
	random := rand.New(rand.NewPCG(seed, 0))
	intervals := steady(240, Counts{}, Counts{})
	for k := range intervals {
		for _, arm := range []struct {
			counts   *Counts
			requests int
			errors   float64
		}{{&intervals[k].Canary, 150, 0.01 * ratio}, {&intervals[k].Stable, 1350, 0.01}} {
			arm.counts.Exposures = float64(arm.requests - 20 + random.IntN(40))
			for range int(arm.counts.Exposures) {
				if random.Float64() < arm.errors {
					arm.counts.Events++
				}
			}
		}
		if k >= 120 {
			intervals[k].Weight = 500_000
		}
	}
	return intervals
}

func TestCalibrate(t *testing.T) {
	history := noisy(3, 1)
	phi, known := Calibrate(history)
	require.True(t, known)
	require.Less(t, phi, 2.0)

	for k := range history {
		history[k].Canary.Events *= 9
		history[k].Stable.Events *= 9
	}
	clustered, known := Calibrate(history)
	require.True(t, known)
	require.InDelta(t, 9*phi, clustered, 0.5, "each error became nine")

	// Noise that lasts for five minutes shows in long blocks.
	for k := range history {
		history[k].Canary, history[k].Stable = Counts{150, 1 + float64(k/20%2)}, Counts{1350, 13.5}
	}
	lasting, _ := Calibrate(history)
	require.Greater(t, lasting, 3.0)

	phi, known = Calibrate(history[:8])
	require.False(t, known)
	require.InDelta(t, 1, phi, 0)
	_, known = Calibrate()
	require.False(t, known)
}
