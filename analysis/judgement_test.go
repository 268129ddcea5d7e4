package analysis

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// says is a judge whose finding is what it was told to be, as of its last interval.
type says struct {
	part    role
	finding Finding
	next    []Finding
}

func (s *says) Add(intervals ...Interval) {
	for _, interval := range intervals {
		if len(s.next) > 0 {
			s.finding, s.next = s.next[0], s.next[1:]
		}
		s.finding.Last, s.finding.Every = interval.End, interval.length()
	}
}

func (s *says) role() role        { return s.part }
func (s *says) worse() float64    { return s.finding.Worse }
func (s *says) standing() Finding { return s.finding }

func TestJudgement(t *testing.T) {
	const pass, fail, open, none = v1alpha1.VerdictPass, v1alpha1.VerdictFail, v1alpha1.VerdictInconclusive, v1alpha1.VerdictNoData
	type asked struct {
		name   string
		weight float64
		says
	}
	metric := func(name string, part role, verdict v1alpha1.Verdict, e float64) asked {
		return asked{name: name, says: says{part: part, finding: Finding{Verdict: verdict, Reason: "as said", Worse: math.Log(e), Phi: 1}}}
	}
	look := func(metrics []asked) Finding {
		j := NewJudgement(0)
		once := steady(1, Counts{}, Counts{})
		for _, m := range metrics {
			Ask[Interval](j, m.name, m.weight, &m.says).Add(once...)
		}
		return j.Look(once[0].End)
	}
	for name, c := range map[string]struct {
		metrics []asked
		want    v1alpha1.Verdict
		reason  string
	}{
		"no metric": {nil, none, "there is no metric"},
		"one fails": {[]asked{metric("errors", roleEvidence, fail, 120)}, fail, "errors: as said"},
		"one of two needs twice as much": {
			[]asked{metric("errors", roleEvidence, fail, 120), metric("p99", roleEvidence, pass, 0.1)}, open, "",
		},
		"and has it": {
			[]asked{metric("errors", roleEvidence, fail, 220), metric("p99", roleEvidence, open, 0.1)},
			fail, "all metrics together: evidence 110 >= 100, most of it from errors: as said",
		},
		"two that are sure of nothing alone": {
			[]asked{metric("errors", roleEvidence, open, 99), metric("p99", roleEvidence, fail, 110)},
			fail, "all metrics together: evidence 104 >= 100, most of it from p99: as said",
		},
		"all pass": {
			[]asked{metric("errors", roleEvidence, pass, 0.1), metric("split", roleTrust, pass, 0.1), metric("queue", roleLimit, pass, 1)},
			pass, "errors: as said; split: as said; queue: as said",
		},
		"a limit fails alone":            {[]asked{metric("errors", roleEvidence, pass, 0.1), metric("queue", roleLimit, fail, 1)}, fail, "queue: as said"},
		"a wrong split holds":            {[]asked{metric("errors", roleEvidence, pass, 0.1), metric("split", roleTrust, fail, 1e6)}, open, "not trustworthy, so it holds: split: as said"},
		"a wrong split keeps no one bad": {[]asked{metric("errors", roleEvidence, fail, 500), metric("split", roleTrust, fail, 1e6)}, fail, "errors: as said"},
		"no data holds":                  {[]asked{metric("errors", roleEvidence, pass, 0.1), metric("p99", roleEvidence, none, 1)}, none, "p99: as said"},
		"one is open":                    {[]asked{metric("errors", roleEvidence, pass, 0.1), metric("p99", roleEvidence, open, 1)}, open, "p99: as said"},
	} {
		t.Run(name, func(t *testing.T) {
			f := look(c.metrics)
			require.Equal(t, c.want, f.Verdict, f.Reason)
			if c.reason != "" {
				require.Equal(t, c.reason, f.Reason)
			}
		})
	}

	heavy := []asked{metric("errors", roleEvidence, fail, 120), metric("p99", roleEvidence, open, 0.1)}
	heavy[0].weight, heavy[1].weight = 9, 1
	require.Equal(t, fail, look(heavy).Verdict, "weights count")
	heavy[0].finding.Safe, heavy[1].finding.Safe = 2, 5
	require.InDelta(t, 2, look(heavy).Safe, 0, "passing waits for the last")
	heavy[0].finding.Worse, heavy[1].finding.Worse = math.Log(70), math.Log(410)
	require.Contains(t, look(heavy).Reason, "most of it from errors")
}

// burst is an hour of which the canary is bad for so many intervals from the fifth on.
func burst(intervals int, errors float64) []Interval {
	all := steady(240, Counts{150, 1.5}, Counts{1350, 13.5})
	for k := range intervals {
		all[4+k].Canary.Events = errors
	}
	return all
}

// TestJudgementInAnyPortions: who looks how often, and which metric tells first, changes nothing.
func TestJudgementInAnyPortions(t *testing.T) {
	good := burst(0, 0)
	for name, c := range map[string]struct {
		bad  []Interval
		want v1alpha1.Verdict
	}{
		"bad enough for all":     {burst(10, 5.2), v1alpha1.VerdictFail},
		"bad enough for itself":  {burst(10, 4), v1alpha1.VerdictPass},
		"good":                   {good, v1alpha1.VerdictPass},
		"chance, three times it": {noisy(5, 3), v1alpha1.VerdictFail},
	} {
		t.Run(name, func(t *testing.T) {
			var once Finding
			for seed := range uint64(12) {
				random := rand.New(rand.NewPCG(seed, 2))
				j := NewJudgement(0)
				all := [][]Interval{c.bad, good, good}
				metrics := make([]*Metric[Interval], len(all))
				for i := range all {
					metrics[i] = Ask(j, strconv.Itoa(i), 0, NewCompare(plain()))
				}
				var f Finding
				for done := 0; done < len(good); {
					size := len(good) - done
					if seed > 0 {
						size = min(size, 1+random.IntN(int(10*seed)))
					}
					now := good[done+size-1].End
					for _, i := range random.Perm(len(all)) {
						metrics[i].Add(all[i][done : done+size]...)
						if size <= 2 {
							f = j.Look(now) // The others are late, as a slow source is.
						}
					}
					done += size
					f = j.Look(now)
				}
				require.Equal(t, c.want, f.Verdict, f.Reason)
				if seed == 0 {
					once = f
				}
				require.Equal(t, once, f)
			}
		})
	}
}

// TestJudgementForgivesWhatWasOutvoted: a metric that was sure of it, and not sure enough for all, doesn't block the release.
func TestJudgementForgivesWhatWasOutvoted(t *testing.T) {
	bad := burst(10, 4)
	alone := NewCompare(plain())
	alone.Add(bad...)
	require.Equal(t, v1alpha1.VerdictFail, alone.Verdict(), "by itself it fails for good")

	j := NewJudgement(0)
	first, second, third := Ask(j, "a", 0, NewCompare(plain())), Ask(j, "b", 0, NewCompare(plain())), Ask(j, "c", 0, NewCompare(plain()))
	first.Add(bad...)
	second.Add(burst(0, 0)...)
	third.Add(burst(0, 0)...)
	now := bad[len(bad)-1].End
	require.Equal(t, v1alpha1.VerdictPass, j.Look(now).Verdict, j.Look(now).Reason)
	require.Equal(t, v1alpha1.VerdictPass, first.Finding(now).Verdict)
	require.Equal(t, v1alpha1.VerdictNoData, j.Look(now.Add(time.Minute)).Verdict, "metrics age")
}

func TestJudgementStaysFailed(t *testing.T) {
	j := NewJudgement(0.01)
	bad := following(steady(8, Counts{150, 7.5}, Counts{1350, 13.5}), burst(0, 0))
	errors := Ask(j, "errors", 0, NewCompare(plain()))
	errors.Add(bad...)
	f := j.Look(bad[len(bad)-1].End)
	require.Equal(t, v1alpha1.VerdictFail, f.Verdict)
	require.Contains(t, f.Reason, "after 45s", "the reason is that of the moment")
	require.NotEqual(t, v1alpha1.VerdictFail, errors.Finding(f.Last).Verdict)
	require.Equal(t, v1alpha1.VerdictFail, j.Look(f.Last.Add(time.Hour)).Verdict)
}

// TestJudgementWaitsForNoDeadSource: a source that is down delays a rollback once, by two intervals.
func TestJudgementWaitsForNoDeadSource(t *testing.T) {
	j := NewJudgement(0)
	errors := Ask(j, "errors", 0, NewCompare(plain()))
	Ask(j, "p99", 0, NewLatency(DefaultLatency(), classicBefore()))
	bad := steady(12, Counts{150, 30}, Counts{1350, 13.5})
	errors.Add(bad[0])
	require.Zero(t, j.Look(bad[0].End).Used)
	require.Equal(t, 1, j.Look(bad[2].End.Add(time.Second)).Used)
	for _, interval := range bad[1:] {
		errors.Add(interval)
		if f := j.Look(interval.End); interval.End.After(bad[2].End) {
			require.Positive(t, f.Used)
		}
	}
	require.Equal(t, v1alpha1.VerdictFail, j.Look(bad[11].End).Verdict)
}

// TestJudgementWithoutASplit: where no share is declared, there is no split to wait for.
func TestJudgementWithoutASplit(t *testing.T) {
	for name, weight := range map[string]int32{"none of the weight, callers are matched": 0, "all of it": 1_000_000} {
		t.Run(name, func(t *testing.T) {
			intervals := burst(0, 0)
			for k := range intervals {
				intervals[k].Weight = weight
			}
			j := NewJudgement(0)
			Ask(j, "errors", 0, NewCompare(plain())).Add(intervals...)
			split := Ask(j, "split", 0, NewSplit(DefaultSplit()))
			split.Add(intervals...)
			f := j.Look(intervals[len(intervals)-1].End)
			require.Equal(t, v1alpha1.VerdictPass, f.Verdict, f.Reason)
			require.Contains(t, split.Finding(f.Last).Reason, "no split to check")
		})
	}
}

// TestJudgementFailsByABudget: errors that are no more than may be, and too many, are made good by no other metric.
func TestJudgementFailsByABudget(t *testing.T) {
	asked := DefaultObjective(0.99)
	asked.Budget = 20
	j := NewJudgement(0)
	intervals := burst(0, 0)
	Ask(j, "errors", 0, NewCompare(plain())).Add(intervals...)
	Ask(j, "budget", 0, NewSLO(asked)).Add(intervals...)
	f := j.Look(intervals[len(intervals)-1].End)
	require.Equal(t, v1alpha1.VerdictFail, f.Verdict)
	require.Contains(t, f.Reason, "budget: canary had 21 events")
}

// TestOptional: a metric without data holds nothing where it may be left out, and decides once it has some.
func TestOptional(t *testing.T) {
	once := steady(2, Counts{}, Counts{})
	errors := &says{part: roleEvidence, finding: Finding{Verdict: v1alpha1.VerdictPass, Reason: "good", Safe: 4, Phi: 1}}
	queue := &says{part: roleEvidence, finding: Finding{Verdict: v1alpha1.VerdictNoData, Reason: "nothing yet", Phi: 1}}
	j := NewJudgement(0)
	main, optional := Ask[Interval](j, "errors", 1, errors), Ask[Interval](j, "queue", 1, queue)
	optional.Optional(true)
	main.Add(once[0])
	f := j.Look(once[0].End.Add(time.Hour))
	require.Equal(t, v1alpha1.VerdictNoData, f.Verdict, "the other one is old")
	main.Add(once[1])
	f = j.Look(once[1].End)
	require.Equal(t, v1alpha1.VerdictPass, f.Verdict, f.Reason)
	require.InDelta(t, 4, f.Safe, 1e-9)
	queue.finding = Finding{Verdict: v1alpha1.VerdictInconclusive, Reason: "open", Phi: 1}
	optional.Add(once[1])
	require.Equal(t, v1alpha1.VerdictInconclusive, j.Look(once[1].End).Verdict)

	alone := NewJudgement(0)
	Ask[Interval](alone, "queue", 1, &says{part: roleEvidence, finding: Finding{Verdict: v1alpha1.VerdictNoData, Reason: "nothing yet", Phi: 1}}).Optional(true)
	require.Equal(t, v1alpha1.VerdictNoData, alone.Look(once[0].End).Verdict, "nothing was judged, which is no success")
}
