package analysis

import (
	"fmt"
	"math"
	"strings"

	"crossfade.io/crossfade/analysis/sequential"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// Role is what a finding is for.
type Role string

// The roles.
const (
	// RoleEvidence: of a Compare, a Latency or an SLO. Evidence against the canary is put together; each must pass alone.
	RoleEvidence Role = "Evidence"
	// RoleLimit: of a Threshold. It fails and passes alone.
	RoleLimit Role = "Limit"
	// RoleTrust: of a Split. If it fails, the release holds, since nothing else can be trusted.
	RoleTrust Role = "Trust"
)

// Metric is a finding with its name.
type Metric struct {
	Name string
	Role Role
	// Weight is the share in what is put together, at least 0, relative to that of the others; all 0 are equal.
	Weight float64
	Finding
}

// Judgement judges a release by several metrics. It rolls back when the weighted mean of the evidence of all is enough at one
// alpha, so the chance of a false rollback doesn't grow with the metrics; it passes when each passes, which needs no correction. A verdict of
// Fail stays. Use NewJudgement.
type Judgement struct {
	alpha  float64
	failed *Finding
}

// NewJudgement fails at this level, over the whole release and all metrics, 0 to 1; 0 is the default, 0.01.
func NewJudgement(level float64) *Judgement {
	if !(level > 0) {
		level = defaultAlpha
	}
	return &Judgement{alpha: level}
}

// Look judges the findings after a scrape. To judge a release again from its intervals, look after each of them, since evidence that
// was enough once is enough for good. The finding has the merged evidence, and no numbers of arms.
func (j *Judgement) Look(metrics []Metric) Finding {
	f := Finding{Phi: 1}
	f.Worse, f.Safe = merged(metrics), safest(metrics)
	for _, metric := range metrics {
		f.Used, f.LeftOut = f.Used+metric.Used, f.LeftOut+metric.LeftOut
		f.Phi, f.ETA, f.Needed = math.Max(f.Phi, metric.Phi), max(f.ETA, metric.ETA), math.Max(f.Needed, metric.Needed)
		if f.Start.IsZero() || !metric.Start.IsZero() && metric.Start.Before(f.Start) {
			f.Start = metric.Start
		}
		if metric.Last.After(f.Last) {
			f.Last = metric.Last
		}
	}
	if j.failed == nil {
		if reason := j.fails(metrics, f.Worse); reason != "" {
			failed := f
			failed.Reason = reason
			j.failed = &failed
		}
	}
	if j.failed != nil {
		f.Verdict, f.Reason, f.ETA, f.Needed = v1alpha1.VerdictFail, j.failed.Reason, 0, 0
		return f
	}
	f.Verdict, f.Reason = unfailed(metrics)
	return f
}

// fails is the reason to fail, empty if there is none.
func (j *Judgement) fails(metrics []Metric, worse float64) string {
	for _, metric := range metrics {
		if metric.Role == RoleLimit && metric.Verdict == v1alpha1.VerdictFail {
			return metric.said()
		}
	}
	leading, several := lead(metrics)
	switch {
	case !reaches(worse, j.alpha):
		return ""
	case !several:
		return leading.said()
	default:
		return fmt.Sprintf("all metrics together: %s, most of it from %s", enough(worse, j.alpha), leading.said())
	}
}

// unfailed is the verdict where nothing fails: hold for what can't be trusted or isn't known, pass if all do.
func unfailed(metrics []Metric) (v1alpha1.Verdict, string) {
	var missing, open, passed []string
	for _, metric := range metrics {
		switch {
		case metric.Role == RoleTrust && metric.Verdict == v1alpha1.VerdictFail:
			return v1alpha1.VerdictInconclusive, "not trustworthy, so it holds: " + metric.said()
		case metric.Verdict == v1alpha1.VerdictNoData:
			missing = append(missing, metric.said())
		case metric.Verdict == v1alpha1.VerdictPass:
			passed = append(passed, metric.said())
		default:
			open = append(open, metric.said())
		}
	}
	switch {
	case len(metrics) == 0:
		return v1alpha1.VerdictNoData, "there is no metric"
	case len(missing) > 0:
		return v1alpha1.VerdictNoData, strings.Join(missing, "; ")
	case len(open) > 0:
		return v1alpha1.VerdictInconclusive, strings.Join(open, "; ")
	default:
		return v1alpha1.VerdictPass, strings.Join(passed, "; ")
	}
}

func (m Metric) said() string { return m.Name + ": " + m.Reason }

// merged is ln of the weighted mean of the evidence against the canary.
func merged(metrics []Metric) float64 {
	logs, weights := evidenceOf(metrics)
	return sequential.Merge(logs, weights)
}

// evidenceOf has the evidence of the metrics that take part in the mean, and their weights.
func evidenceOf(metrics []Metric) (logs, weights []float64) {
	sum := 0.0
	for _, metric := range metrics {
		if metric.Role == RoleEvidence {
			logs, weights = append(logs, metric.Worse), append(weights, metric.Weight)
			sum += metric.Weight
		}
	}
	if sum == 0 {
		weights = nil
	}
	return logs, weights
}

// lead is the metric with the most evidence in the mean, and whether there are several.
func lead(metrics []Metric) (leading Metric, several bool) {
	logs, weights := evidenceOf(metrics)
	most, i := math.Inf(-1), 0
	for _, metric := range metrics {
		if metric.Role != RoleEvidence {
			continue
		}
		share := logs[i]
		if weights != nil {
			share += math.Log(weights[i])
		}
		if share > most {
			most, leading = share, metric
		}
		i++
	}
	return leading, len(logs) > 1
}

// safest is the least evidence of any metric that the canary is good: what passing waits for.
func safest(metrics []Metric) float64 {
	least, some := math.Inf(1), false
	for _, metric := range metrics {
		if metric.Role == RoleEvidence {
			least, some = math.Min(least, metric.Safe), true
		}
	}
	if !some {
		return 0
	}
	return least
}
