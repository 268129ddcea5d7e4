package analysis

import (
	"fmt"
	"math"
	"time"

	"crossfade.io/crossfade/analysis/sequential"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// SplitCheck is what a Split judge is asked.
type SplitCheck struct {
	// Of is what is shared, such as "requests".
	Of string
	// Alpha is the chance that a split within the tolerance ever fails.
	Alpha float64
	// Tolerance is by which factor over 1 the odds of the canary may be off, at least 0.
	Tolerance float64
	// Restarts, Confirm and Phi are those of Comparison; half of what Restarts say is bet afresh, the rest is for steps to come.
	Restarts Restarts
	Confirm  int
	Phi      float64
}

// Split judges whether the canary gets the share of requests that its weight says, by the Exposures of intervals. Its Fail is no
// reason to roll back: it says that the arms can't be compared, so the release had better hold. It passes as long as nothing
// speaks against the split. Where no share is declared, as with all or none of the weight, there is nothing to check. Use NewSplit.
type Split struct {
	asked   SplitCheck
	test    *sequential.Split
	noise   *sequential.Noise
	confirm sequential.Confirm
	clock   clock
	found   Finding
	// weight is that of the last interval, and quiet how many intervals since it changed.
	weight int32
	quiet  int
	// end is when the last interval ended, of whatever use.
	end time.Time
	// expected are the requests that the canary would have had as declared.
	expected float64
}

// NewSplit has seen nothing yet.
func NewSplit(asked SplitCheck) *Split {
	const invested = 0.5
	return &Split{
		asked: asked, test: sequential.NewSplit(asked.Tolerance, invested), noise: sequential.NewNoise(),
		confirm: sequential.NewConfirm(asked.Confirm),
	}
}

// Add takes further intervals, in the order of time. The one in which the weight changed, and the next one, are left out.
func (s *Split) Add(intervals ...Interval) {
	for _, interval := range intervals {
		s.add(interval)
	}
}

func (s *Split) add(interval Interval) {
	const settled = 2
	if s.found.Start.IsZero() {
		s.found.Start = interval.Start
	}
	s.found.Every, s.end = interval.length(), interval.End
	s.quiet++
	if interval.Weight != s.weight {
		s.weight, s.quiet = interval.Weight, 0
		if s.found.Used > 0 {
			// Each step begins afresh with half of what is left, so that there is some for every later one.
			s.test.Invest(s.test.Cash() / 2)
		}
	}
	s.test.Invest(s.clock.due(s.asked.Restarts, interval.Start) / 2)
	weight := float64(interval.Weight) / whole
	canary, stable := interval.Canary.Exposures, interval.Stable.Exposures
	phi := s.phi()
	if canary+stable > 0 {
		s.found.Last = interval.End
	}
	if s.quiet < settled || !(canary+stable > 0) || !s.test.Add(canary, stable, weight, phi) {
		s.found.LeftOut++
		return
	}
	s.found.Used++
	s.found.Canary, s.found.Stable = s.found.Canary.plus(interval.Canary), s.found.Stable.plus(interval.Stable)
	s.expected += (canary + stable) * weight
	s.noise.Add(sequential.Arm{Exposures: weight, Events: canary}, sequential.Arm{Exposures: 1 - weight, Events: stable},
		int64(interval.Start.Sub(s.found.Start)/time.Minute))
	s.confirm.Add(s.test.Log())
}

// whole is all of the weight.
const whole = 1_000_000

func (s *Split) role() role { return roleTrust }

func (s *Split) worse() float64 { return s.confirm.Log() }

func (s *Split) standing() Finding { return s.Finding() }

// Applies is false if no share was declared in the last interval, so that there is nothing to check, and the split wasn't found to be
// wrong before. A Judgement then goes without.
func (s *Split) Applies() bool {
	return s.end.IsZero() || s.weight > 0 && s.weight < whole || reaches(s.worse(), s.asked.Alpha)
}

func (s *Split) phi() float64 {
	if s.asked.Phi > 0 {
		return math.Max(s.asked.Phi, 1)
	}
	return s.noise.Phi()
}

// Verdict is that of Finding, without the numbers.
func (s *Split) Verdict() v1alpha1.Verdict {
	switch {
	case reaches(s.worse(), s.asked.Alpha):
		return v1alpha1.VerdictFail
	case s.found.Used == 0 || s.found.lapsed(s.end):
		return v1alpha1.VerdictNoData
	default:
		return v1alpha1.VerdictPass
	}
}

// Finding is what is to be said of all intervals so far. Worse is the evidence against the split; Ratio is that of the canary's
// requests to those that it should have had.
func (s *Split) Finding() Finding {
	f := s.found
	f.Verdict, f.Worse, f.Phi, f.Ratio = v1alpha1.VerdictNoData, s.worse(), s.phi(), 1
	switch {
	case f.Used > 0:
		f.Verdict = v1alpha1.VerdictPass
	case s.Applies():
		f.Reason = fmt.Sprintf("split not known: no interval with %s whose weight had been the same for two scrapes", s.asked.Of)
		return f
	default:
		f.Reason = fmt.Sprintf("no share of the %s is declared, so there is no split to check", s.asked.Of)
		return f
	}
	f.Ratio = f.Canary.Exposures / s.expected
	all := f.Canary.Exposures + f.Stable.Exposures
	f.Reason = fmt.Sprintf("canary got %s of %.0f %s, %s were declared", percent(f.Canary.Exposures/all), all, s.asked.Of, percent(s.expected/all))
	if reaches(f.Worse, s.asked.Alpha) {
		f.Verdict = v1alpha1.VerdictFail
		f.Reason += fmt.Sprintf(", so the arms can't be compared: %s", enough(f.Worse, s.asked.Alpha))
	}
	if f.lapsed(s.end) {
		return f.outdated()
	}
	return f
}
