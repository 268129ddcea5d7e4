package reading

import (
	"fmt"
	"strings"
	"time"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// Unjudged says why a Release has no evidence; empty if it has.
func Unjudged(rel *v1alpha1.Release) string {
	asked := rel.Spec.Policy.Analysis
	switch {
	case rel.Status.Analysis != nil && len(rel.Status.Analysis.Metrics) > 0:
		return ""
	case asked == nil && Ended(rel):
		return "nothing was judged: its policy had no analysis"
	case asked == nil:
		return "nothing is judged: its policy has no analysis, so time and people decide; say spec.analysis in the Rollout, for the next Release"
	case rel.Status.Analysis != nil && rel.Status.Analysis.Message != "":
		return "no metric has been judged: " + rel.Status.Analysis.Message
	case Ended(rel):
		return "nothing was judged: it ended before there was evidence"
	}
	return "nothing is judged yet: evidence begins once the canary gets requests"
}

// Entry is when a step's split came into effect, or was asked for if it never did.
type Entry struct {
	Step string
	// At is how long the Release had lasted.
	At time.Duration
	// Weight as the step declares it; empty if it declares none.
	Weight string
}

// String names the step, with its weight.
func (e Entry) String() string { return strings.TrimSpace(e.Step + " " + e.Weight) }

// Entries are the steps that the Release entered, in the order of time.
func Entries(rel *v1alpha1.Release) []Entry {
	began := Began(rel)
	all := make([]Entry, 0, len(rel.Status.Steps))
	for _, visit := range rel.Status.Steps {
		at := visit.EnteredAt.Time
		if visit.StartedAt != nil {
			at = visit.StartedAt.Time
		}
		e := Entry{Step: visit.Name, At: at.Sub(began)}
		if i := StepIndex(rel, visit.Name); i >= 0 {
			if w := Steps(rel)[i].Weight; w != nil {
				e.Weight = w.String()
				if w.StrVal == "" {
					e.Weight = fmt.Sprintf("%d%%", w.IntVal)
				}
			}
		}
		all = append(all, e)
	}
	return all
}
