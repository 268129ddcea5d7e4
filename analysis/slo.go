package analysis

import (
	"fmt"
	"time"

	"crossfade.io/crossfade/analysis/sequential"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// Objective is what an SLO judge is asked.
type Objective struct {
	// Objective is the share of exposures that are to be good, above 0 and under 1, such as 0.999.
	Objective float64
	// Burn is how many times faster than the objective allows the canary may have events. Burn times (1-Objective) is the
	// limit of its rate, at most 0.8: one beyond counts as 0.8, since no canary could be shown to be worse.
	Burn float64
	// Alpha is the chance that a canary within the limit ever fails, AlphaPass that one beyond it passes at a given look.
	Alpha, AlphaPass float64
	Restarts         Restarts
	// Confirm is that of Comparison.
	Confirm int
	// Phi is that of Comparison; 0 is 1, since there is no other arm to learn it from.
	Phi float64
	// Budget is the number of canary events at which it fails whatever their rate, such as a share of a month's error budget; 0
	// is none. It counts all events, of intervals without exposures too.
	Budget float64
}

// SLO judges the canary's rate by a limit, with no other arm, so it works on a first release too. Use NewSLO.
type SLO struct {
	asked   Objective
	clock   clock
	above   *sequential.Threshold
	under   *sequential.Threshold
	confirm sequential.Confirm
	found   Finding
	failed  *Finding
	// end is when the last interval ended, of whatever use; spent are all events so far.
	end   time.Time
	spent float64
	// late are events that wait for an interval with requests.
	late late
}

// NewSLO has seen nothing yet.
func NewSLO(asked Objective) *SLO {
	limit := asked.limit()
	return &SLO{
		asked: asked, confirm: sequential.NewConfirm(asked.Confirm),
		above: sequential.NewViolation(limit, asked.Restarts.invested()), under: sequential.NewMeets(limit),
	}
}

func (o Objective) limit() float64 { return min(o.Burn*(1-o.Objective), mostLimit) }

// Add takes further intervals, in the order of time; Stable isn't looked at.
func (s *SLO) Add(intervals ...Interval) {
	for _, interval := range intervals {
		s.add(interval)
	}
}

func (s *SLO) add(interval Interval) {
	if s.found.Start.IsZero() {
		s.found.Start = interval.Start
	}
	s.found.Every, s.end = interval.length(), interval.End
	canary := sequential.Arm(interval.Canary)
	if canary.Believed() {
		s.spent += canary.Events
	}
	interval.Canary = s.late.keep(interval.Canary)
	if canary.Believed() && canary.Exposures > 0 {
		interval.Canary = s.late.give(interval.Canary)
	}
	canary = sequential.Arm(interval.Canary)
	s.above.Invest(s.clock.due(s.asked.Restarts, interval.Start))
	if s.above.Add(canary, s.asked.Phi) {
		s.found.Last = interval.End
		s.found.Used++
		s.found.Canary = s.found.Canary.plus(interval.Canary)
		s.under.Add(canary, s.asked.Phi)
		s.confirm.Add(s.above.Log())
	} else {
		s.found.LeftOut++
	}
	if s.failed == nil && s.shown() == v1alpha1.VerdictFail {
		failed := s.standing()
		s.failed = &failed
	}
}

// role is that of a limit once the budget is spent, which no other metric makes good.
func (s *SLO) role() role {
	if s.overspent() {
		return roleLimit
	}
	return roleEvidence
}

func (s *SLO) overspent() bool { return s.asked.Budget > 0 && s.spent >= s.asked.Budget }

func (s *SLO) worse() float64 { return s.confirm.Log() }

// Verdict is that of Finding, without the numbers.
func (s *SLO) Verdict() v1alpha1.Verdict {
	return s.found.verdict(s.shown(), s.failed != nil, s.end)
}

// shown is what the evidence shows as it is now, however old.
func (s *SLO) shown() v1alpha1.Verdict {
	switch {
	case s.overspent() || reaches(s.worse(), s.asked.Alpha):
		return v1alpha1.VerdictFail
	case s.found.Used == 0:
		return v1alpha1.VerdictNoData
	case reaches(s.under.Log(), s.asked.AlphaPass) && !doubtful(s.above.Log()):
		return v1alpha1.VerdictPass
	default:
		return v1alpha1.VerdictInconclusive
	}
}

// Finding is what is to be said of all intervals so far. Ratio is that of the canary's rate to the limit.
func (s *SLO) Finding() Finding {
	if s.failed == nil {
		return s.standing()
	}
	f := s.numbers()
	f.Verdict, f.Reason, f.ETA, f.Needed = v1alpha1.VerdictFail, s.failed.Reason, 0, 0
	return f
}

// standing is the finding by the evidence as it is now: what has failed may have recovered.
func (s *SLO) standing() Finding {
	f := s.numbers()
	f.Verdict = s.shown()
	switch f.Verdict {
	case v1alpha1.VerdictFail:
		if s.overspent() {
			f.Reason = fmt.Sprintf("canary had %.0f events, and %.0f are its share of the error budget", s.spent, s.asked.Budget)
		} else {
			f.Reason = fmt.Sprintf("%s, %s, after %s and %.0f events", s.rate(f), enough(f.Worse, s.asked.Alpha), round(f.After()), f.Canary.Events)
		}
	case v1alpha1.VerdictPass:
		f.Reason = fmt.Sprintf("%s, shown to be within it: %s, after %s", s.rate(f), enough(f.Safe, s.asked.AlphaPass), round(f.After()))
	case v1alpha1.VerdictNoData:
		f.Reason = "rate not known: in no interval did the canary have requests"
	case v1alpha1.VerdictInconclusive:
		f.Reason = fmt.Sprintf("%s, evidence of its being above %s of %.0f, of its being within it %s of %.0f",
			s.rate(f), evidence(f.Worse), 1/s.asked.Alpha, evidence(f.Safe), 1/s.asked.AlphaPass)
		if reaches(f.Safe, s.asked.AlphaPass) {
			f.Reason += doubt(s.above.Log())
		}
	}
	if s.found.lapsed(s.end) {
		return f.outdated()
	}
	return f
}

func (s *SLO) rate(f Finding) string {
	return fmt.Sprintf("rate %s, %s of %s", percent(f.Canary.Events/f.Canary.Exposures), times(f.Ratio, f.Low, f.High, "the limit"), percent(s.asked.limit()))
}

func (s *SLO) numbers() Finding {
	f := s.found
	f.Worse, f.Safe, f.Phi = s.worse(), s.under.Log(), max(s.asked.Phi, 1)
	if f.Used == 0 {
		return f
	}
	limit := s.asked.limit()
	low, high := sequential.RateBand(sequential.Arm{Exposures: f.Canary.Exposures / f.Phi, Events: f.Canary.Events / f.Phi}, defaultAlphaBand)
	f.Ratio, f.Low, f.High = f.Canary.Events/f.Canary.Exposures/limit, low/limit, high/limit
	f.ETA = s.eta(f)
	if seconds := f.After().Seconds(); seconds > 0 {
		f.Needed = f.ETA.Seconds() * f.Canary.Exposures / seconds
	}
	return f
}

// eta goes by how fast the evidence that leads has grown so far.
func (s *SLO) eta(f Finding) time.Duration {
	worse, safe := sequential.Remaining(f.Worse, s.asked.Alpha), sequential.Remaining(f.Safe, s.asked.AlphaPass)
	part := min(worse, safe)
	const longest = 24 * time.Hour
	if left := time.Duration(part * float64(f.After())); part > 0 && left < longest {
		return left
	}
	return 0
}
