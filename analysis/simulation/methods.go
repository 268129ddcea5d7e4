package simulation

import (
	"math"
	"time"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// method looks at intervals as they come, and says what it would do.
type method interface {
	look(interval analysis.Interval) v1alpha1.Verdict
}

// The methods, by column.
const (
	strict    = iota // The parameters that the goals are set for: no margin, no floor.
	shipped          // The defaults.
	threshold        // A threshold check of the usual kind.
	peeked           // A z-test at 5 %, looked at each minute.
	methods
)

// Strict is the comparison that goals are set for: any ratio above 1 counts, and there is no floor.
func Strict() analysis.Comparison {
	asked := analysis.DefaultComparison()
	asked.Margin, asked.LimitAtHalf, asked.Floor, asked.Phi = 1, 0, 0, 1
	return asked
}

// Shipped are the defaults, on a service whose history shows independent requests.
func Shipped() analysis.Comparison {
	asked := analysis.DefaultComparison()
	asked.Phi = 1
	return asked
}

type comparison struct{ judge *analysis.Compare }

func (c comparison) look(interval analysis.Interval) v1alpha1.Verdict {
	c.judge.Add(interval)
	return c.judge.Verdict()
}

func newMethods(phi float64) [methods]method {
	asked, defaults := Strict(), Shipped()
	asked.Phi, defaults.Phi = phi, phi
	return [methods]method{
		strict:    comparison{analysis.NewCompare(asked)},
		shipped:   comparison{analysis.NewCompare(defaults)},
		threshold: &usual{judge: analysis.NewThreshold(analysis.Limits{Interval: time.Minute, FailureLimit: 4})},
		peeked:    &zTest{},
	}
}

// minute sums up to the full minute.
type minute struct {
	canary, stable analysis.Counts
	count          int
}

func (m *minute) full(interval analysis.Interval) bool {
	m.canary, m.stable = sum(m.canary, interval.Canary), sum(m.stable, interval.Stable)
	m.count++
	return m.count%(60/scrape) == 0
}

func sum(a, b analysis.Counts) analysis.Counts {
	return analysis.Counts{Exposures: a.Exposures + b.Exposures, Events: a.Events + b.Events}
}

// usual is a threshold check as most tools have it: each minute, whether the canary had more than 2 % errors in that minute. The
// fifth failure is followed by the rollback at the next look.
type usual struct {
	judge *analysis.Threshold
	minute
	failing bool
}

func (u *usual) look(interval analysis.Interval) v1alpha1.Verdict {
	if !u.full(interval) {
		return v1alpha1.VerdictInconclusive
	}
	if u.failing {
		return v1alpha1.VerdictFail
	}
	const most = 0.02
	outcome := analysis.OutcomeSuccess
	switch {
	case u.canary.Exposures == 0:
		outcome = analysis.OutcomeNoData
	case u.canary.Events > most*u.canary.Exposures:
		outcome = analysis.OutcomeFailure
	}
	u.judge.Add(analysis.Measurement{At: interval.End, Outcome: outcome})
	u.failing = u.judge.Verdict() == v1alpha1.VerdictFail
	u.canary = analysis.Counts{}
	return v1alpha1.VerdictInconclusive
}

// zTest is the textbook's test of two proportions, one-sided at 5 %, of all requests so far, each minute.
type zTest struct{ minute }

func (z *zTest) look(interval analysis.Interval) v1alpha1.Verdict {
	if !z.full(interval) {
		return v1alpha1.VerdictInconclusive
	}
	const critical = 1.6448536
	both := sum(z.canary, z.stable)
	p := both.Events / both.Exposures
	error := math.Sqrt(p * (1 - p) * (1/z.canary.Exposures + 1/z.stable.Exposures))
	if z.canary.Events/z.canary.Exposures-z.stable.Events/z.stable.Exposures > critical*error {
		return v1alpha1.VerdictFail
	}
	return v1alpha1.VerdictInconclusive
}
