package analysis

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
)

func TestSplit(t *testing.T) {
	asked := DefaultSplit()
	asked.Phi = 1
	for name, c := range map[string]struct {
		canary float64
		count  int
		want   v1alpha1.Verdict
		reason string
	}{
		"as declared":                         {150, 240, v1alpha1.VerdictPass, "canary got 10 % of 357000 requests, 10 % were declared"},
		"within the tolerance":                {157, 240, v1alpha1.VerdictPass, ""},
		"half too much":                       {225, 8, v1alpha1.VerdictFail, "canary got 15 % of 9000 requests, 10 % were declared, so the arms can't be compared: evidence >1000000 >= 1000"},
		"half of it":                          {75, 8, v1alpha1.VerdictFail, ""},
		"the interval of the change and next": {1500, 2, v1alpha1.VerdictNoData, ""},
	} {
		t.Run(name, func(t *testing.T) {
			judge := NewSplit(asked)
			judge.Add(steady(c.count, Counts{Exposures: c.canary}, Counts{Exposures: 1500 - c.canary})...)
			f := judge.Finding()
			require.Equal(t, c.want, f.Verdict, f.Reason)
			if c.reason != "" {
				require.Equal(t, c.reason, f.Reason)
			}
		})
	}
}

// TestSplitOfALaterStep: what was fine at the first step doesn't cover for the second.
func TestSplitOfALaterStep(t *testing.T) {
	asked := DefaultSplit()
	asked.Phi = 1
	judge := NewSplit(asked)
	step := steady(12, Counts{Exposures: 250}, Counts{Exposures: 1250})
	for k := range step {
		step[k].Weight = 250_000
	}
	intervals := following(steady(60, Counts{Exposures: 150}, Counts{Exposures: 1350}), step)
	judge.Add(intervals[:62]...)
	require.Equal(t, v1alpha1.VerdictPass, judge.Verdict())
	require.Equal(t, 4, judge.Finding().LeftOut)
	judge.Add(intervals[62:]...)
	require.Equal(t, v1alpha1.VerdictFail, judge.Verdict(), judge.Finding().Reason)
}

func TestSLO(t *testing.T) {
	asked := DefaultObjective(0.99)
	asked.Burn = 1
	for name, c := range map[string]struct {
		canary Counts
		count  int
		budget float64
		want   v1alpha1.Verdict
	}{
		"nothing":                     {Counts{}, 5, 0, v1alpha1.VerdictNoData},
		"five times the limit":        {Counts{150, 7.5}, 4, 0, v1alpha1.VerdictFail},
		"half of the limit":           {Counts{150, 0.75}, 30, 0, v1alpha1.VerdictPass},
		"at the limit":                {Counts{150, 1.5}, 30, 0, v1alpha1.VerdictInconclusive},
		"within it, the budget spent": {Counts{150, 0.75}, 30, 20, v1alpha1.VerdictFail},
		"two errors a request":        {Counts{150, 300}, 4, 0, v1alpha1.VerdictFail},
		"errors without requests":     {Counts{0, 5}, 5, 20, v1alpha1.VerdictFail},
	} {
		t.Run(name, func(t *testing.T) {
			asked := asked
			asked.Budget = c.budget
			judge := NewSLO(asked)
			judge.Add(steady(c.count, c.canary, Counts{})...)
			require.Equal(t, c.want, judge.Verdict(), judge.Finding().Reason)
			require.NotEmpty(t, judge.Finding().Reason)
		})
	}
	judge := NewSLO(asked)
	judge.Add(steady(2, Counts{150, 3}, Counts{})...)
	f := judge.Finding()
	require.InDelta(t, 2, f.Ratio, 1e-9)
	require.Contains(t, f.Reason, "rate 2 %, 2.0x the limit (")
	require.Contains(t, f.Reason, ") of 1 %, evidence of its being above")
}

func TestThreshold(t *testing.T) {
	of := func(outcomes string) (all []Measurement) {
		for k, letter := range outcomes {
			outcome := map[rune]Outcome{
				's': OutcomeSuccess, 'f': OutcomeFailure, 'i': OutcomeInconclusive, 'n': OutcomeNoData, 'e': OutcomeError,
			}[letter]
			all = append(all, Measurement{At: noon.Add(time.Duration(k) * time.Minute), Outcome: outcome})
		}
		return all
	}
	const pass, fail, open, none = v1alpha1.VerdictPass, v1alpha1.VerdictFail, v1alpha1.VerdictInconclusive, v1alpha1.VerdictNoData
	for name, c := range map[string]struct {
		asked    Limits
		outcomes string
		want     v1alpha1.Verdict
	}{
		"nothing yet":             {Limits{Count: 2}, "", none},
		"all were good":           {Limits{Count: 3}, "sss", pass},
		"not yet all":             {Limits{Count: 3}, "ss", open},
		"the first failure fails": {Limits{Count: 3}, "sf", fail},
		"as many as are borne":    {Limits{Count: 4, FailureLimit: 2}, "fsfs", pass},
		"one more":                {Limits{Count: 9, FailureLimit: 2}, "fsfsf", fail},
		"failing at the last goes before passing": {Limits{Count: 1}, "f", fail},
		"in a row":                                 {Limits{Count: 9, FailureLimit: 9, ConsecutiveFailures: 2}, "fsff", fail},
		"not in a row":                             {Limits{Count: 4, FailureLimit: 9, ConsecutiveFailures: 2}, "fsfs", pass},
		"good ones in a row pass":                  {Limits{FailureLimit: 9, ConsecutiveSuccesses: 3}, "ssfsss", pass},
		"endless":                                  {Limits{FailureLimit: 3}, "s", pass},
		"endless, the last was bad":                {Limits{FailureLimit: 3}, "ssf", open},
		"endless, good again":                      {Limits{FailureLimit: 3}, "ssfs", pass},
		"endless, one too many":                    {Limits{FailureLimit: 3}, "ssffsff", fail},
		"endless, the last was neither":            {Limits{InconclusiveLimit: 1}, "ssi", open},
		"endless, the last has none":               {Limits{ErrorLimit: 1}, "sse", open},
		"endless, until some are good":             {Limits{ConsecutiveSuccesses: 3}, "ss", open},
		"an inconclusive one ends it":              {Limits{Count: 3}, "si", open},
		"for good":                                 {Limits{Count: 3}, "sisss", open},
		"an inconclusive one is borne":             {Limits{Count: 3, InconclusiveLimit: 1}, "sis", pass},
		"no value":                                 {Limits{Count: 2}, "sn", none},
		"a value again":                            {Limits{Count: 2}, "sns", pass},
		"errors are borne":                         {Limits{Count: 9, ErrorLimit: 2}, "see", open},
		"errors that aren't in a row":              {Limits{Count: 9, ErrorLimit: 1}, "esese", open},
		"one error more":                           {Limits{Count: 9, ErrorLimit: 2}, "seee", none},
		"no value is good":                         {Limits{Count: 2, NoData: OutcomeSuccess}, "sn", pass},
		"no value is bad":                          {Limits{Count: 2, NoData: OutcomeFailure}, "sn", fail},
		"what comes after the end changes nothing": {Limits{Count: 2}, "ssffff", pass},
	} {
		t.Run(name, func(t *testing.T) {
			judge := NewThreshold(c.asked)
			for _, measurement := range of(c.outcomes) {
				judge.Add(measurement)
				require.NotEmpty(t, judge.Finding().Reason)
			}
			require.Equal(t, c.want, judge.Verdict(), judge.Finding().Reason)
			again := NewThreshold(c.asked)
			again.Add(of(c.outcomes)...)
			require.Equal(t, judge.Finding(), again.Finding())
		})
	}
}

func TestThresholdSaysWhenToMeasure(t *testing.T) {
	judge := NewThreshold(Limits{InitialDelay: time.Minute, Interval: 30 * time.Second, Count: 2})
	next, wanted := judge.Next(noon)
	require.True(t, wanted)
	require.Equal(t, noon.Add(time.Minute), next)
	judge.Add(Measurement{At: next, Outcome: OutcomeSuccess, Text: "0.2"})
	require.Equal(t, "1 of 2 measurements so far, 0 of them failed; the last is 0.2", judge.Finding().Reason)
	next, wanted = judge.Next(noon)
	require.True(t, wanted)
	require.Equal(t, noon.Add(90*time.Second), next)
	judge.Add(Measurement{At: next, Outcome: OutcomeSuccess})
	_, wanted = judge.Next(noon)
	require.False(t, wanted)
	once := NewThreshold(Limits{})
	once.Add(Measurement{At: noon, Outcome: OutcomeError})
	next, wanted = once.Next(noon)
	require.True(t, wanted, "a measurement without a value is none")
	require.Equal(t, noon.Add(15*time.Second), next)
	once.Add(Measurement{At: next, Outcome: OutcomeSuccess})
	_, wanted = once.Next(noon)
	require.False(t, wanted)
}

func TestDifference(t *testing.T) {
	hour := func(count int, canary, stable Counts) []Interval {
		all := steady(count, canary, stable)
		for k := range all {
			all[k].Weight = 500_000
		}
		return all
	}
	goal := DefaultGoal()
	for name, c := range map[string]struct {
		change         func(*Goal)
		intervals      []Interval
		want           v1alpha1.Verdict
		outcome, reads string
	}{
		"nothing":     {nil, nil, v1alpha1.VerdictNoData, EffectOpen, "conversion not known"},
		"open":        {nil, hour(10, Counts{1000, 36}, Counts{1000, 30}), v1alpha1.VerdictInconclusive, EffectOpen, "difference 0.6 % (-0.167 % to 1.37 %), which shows nothing yet"},
		"better":      {nil, hour(100, Counts{1000, 36}, Counts{1000, 30}), v1alpha1.VerdictPass, EffectBetter, "which is better"},
		"worse":       {nil, hour(100, Counts{1000, 30}, Counts{1000, 36}), v1alpha1.VerdictFail, EffectWorse, "which is worse"},
		"fewer":       {func(g *Goal) { g.More = false }, hour(100, Counts{1000, 30}, Counts{1000, 36}), v1alpha1.VerdictPass, EffectBetter, "which is better"},
		"the same":    {func(g *Goal) { g.Same = 0.01 }, hour(100, Counts{1000, 30}, Counts{1000, 30}), v1alpha1.VerdictInconclusive, EffectSame, "which means nothing"},
		"users count": {func(g *Goal) { g.Phi = 20 }, hour(100, Counts{1000, 36}, Counts{1000, 30}), v1alpha1.VerdictInconclusive, EffectOpen, ""},
	} {
		t.Run(name, func(t *testing.T) {
			asked := goal
			if c.change != nil {
				c.change(&asked)
			}
			judge := NewDifference(asked)
			judge.Add(c.intervals...)
			require.Equal(t, c.want, judge.Verdict(), judge.Finding().Reason)
			require.Equal(t, c.outcome, judge.Effect().Outcome)
			require.Contains(t, judge.Finding().Reason, c.reads)
		})
	}
}
