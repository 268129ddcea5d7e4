package analysis

import (
	"fmt"
	"math"
	"strings"
	"time"

	"crossfade.io/crossfade/analysis/sequential"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// role is what a judge is for in a Judgement.
type role string

// The roles.
const (
	// roleEvidence: of a Compare, a Latency or an SLO. Evidence against the canary is put together; each must pass alone.
	roleEvidence role = "Evidence"
	// roleLimit: of a Threshold, and of an SLO whose budget is spent. It fails and passes alone.
	roleLimit role = "Limit"
	// roleTrust: of a Split. If it fails, the release holds, since nothing else can be trusted.
	roleTrust role = "Trust"
)

// Judge is what a Judgement asks: a Compare, a Latency, an SLO, a Split or a Threshold. It is given observations in the order of time.
type Judge[T Observation] interface {
	Add(observations ...T)
	standing
}

// standing is how a judge stands, whatever it is given.
type standing interface {
	role() role
	// worse is ln of the confirmed evidence that the canary is worse.
	worse() float64
	// standing is the finding by the evidence as it is now. A verdict of Fail that comes of evidence doesn't stay.
	standing() Finding
}

// Observation is an Interval, a LatencyInterval or a Measurement.
type Observation interface {
	end() time.Time
	// length is that of an interval, 0 of a moment.
	length() time.Duration
}

// Judgement judges a release by several metrics. It rolls back when the weighted mean of the evidence of all is enough at one
// alpha, so the chance of a false rollback doesn't grow with the metrics; it passes when each passes, which needs no correction. A
// verdict of Fail stays, of the release alone: a metric that was sure of it and was outvoted may recover.
//
// It goes by the times at which observations end, so the same ones give the same verdict, whoever looks how often, as long as
// no metric is more than two intervals late. Use NewJudgement, and Ask for each metric.
type Judgement struct {
	alpha   float64
	metrics []metric
	// begun is when the first observation of all ended.
	begun  time.Time
	failed *Finding
}

// NewJudgement fails at this level, over the whole release and all metrics, 0 to 1; 0 is the default, 0.01.
func NewJudgement(level float64) *Judgement {
	if !(level > 0) {
		level = defaultAlpha
	}
	return &Judgement{alpha: level}
}

// Look judges all that was given until now. Give what every source has before looking: a metric that is late is waited for, for
// two of its intervals at most, and what it tells later counts from then on. The finding has the merged evidence, and no numbers
// of arms.
func (j *Judgement) Look(now time.Time) Finding {
	for at, some := j.next(); some && !j.waits(at, now); at, some = j.next() {
		for _, metric := range j.metrics {
			metric.step(at)
		}
		j.latch()
	}
	all := j.named(now)
	f := j.summary(all)
	if j.failed != nil {
		f.Verdict, f.Reason, f.ETA, f.Needed = v1alpha1.VerdictFail, j.failed.Reason, 0, 0
		return f
	}
	f.Verdict, f.Reason = unfailed(all)
	return f
}

// next is the end of the earliest observation that waits, false if none does.
func (j *Judgement) next() (earliest time.Time, some bool) {
	for _, metric := range j.metrics {
		if at, waiting := metric.next(); waiting && (!some || at.Before(earliest)) {
			earliest, some = at, true
		}
	}
	if j.begun.IsZero() {
		j.begun = earliest
	}
	return earliest, some
}

// waits says whether evidence of that time may still come, for what is put together must be of one time.
func (j *Judgement) waits(at, now time.Time) bool {
	longest := time.Duration(0)
	for _, metric := range j.metrics {
		_, every := metric.told()
		longest = max(longest, every)
	}
	for _, metric := range j.metrics {
		last, every := metric.told()
		if metric.role() != roleEvidence || !last.IsZero() && at.Before(last.Add(max(every, 1))) {
			continue
		}
		if last.IsZero() {
			last, every = j.begun, longest
		}
		if !now.After(last.Add(mostMissed * every)) {
			return true
		}
	}
	return false
}

// latch looks whether it fails now, which stays.
func (j *Judgement) latch() {
	if j.failed != nil {
		return
	}
	all := make([]named, 0, len(j.metrics))
	for _, metric := range j.metrics {
		all = append(all, metric.named(time.Time{}))
	}
	f := j.summary(all)
	if f.Reason = j.fails(all, f.Worse); f.Reason != "" {
		f.Verdict = v1alpha1.VerdictFail
		j.failed = &f
	}
}

// named are the findings of all metrics as of now, but of those to which nothing applies.
func (j *Judgement) named(now time.Time) (all []named) {
	for _, metric := range j.metrics {
		if metric.applies() {
			all = append(all, metric.named(now))
		}
	}
	return all
}

// summary has the numbers of all.
func (j *Judgement) summary(metrics []named) Finding {
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
	return f
}

// fails is the reason to fail, empty if there is none.
func (j *Judgement) fails(metrics []named, worse float64) string {
	for _, metric := range metrics {
		if metric.role == roleLimit && metric.Verdict == v1alpha1.VerdictFail {
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
func unfailed(metrics []named) (v1alpha1.Verdict, string) {
	var missing, absent, open, passed []string
	for _, metric := range metrics {
		switch {
		case metric.role == roleTrust && metric.Verdict == v1alpha1.VerdictFail:
			return v1alpha1.VerdictInconclusive, "not trustworthy, so it holds: " + metric.said()
		case metric.absent():
			absent = append(absent, metric.said())
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
	case len(passed) == 0:
		return v1alpha1.VerdictNoData, strings.Join(absent, "; ")
	default:
		return v1alpha1.VerdictPass, strings.Join(passed, "; ")
	}
}

// absent: it has no data, and may be left out.
func (m named) absent() bool { return m.optional && m.Verdict == v1alpha1.VerdictNoData }

func (m named) said() string { return m.name + ": " + m.Reason }

// merged is ln of the weighted mean of the evidence against the canary.
func merged(metrics []named) float64 {
	logs, weights := evidenceOf(metrics)
	return sequential.Merge(logs, weights)
}

// evidenceOf has the evidence of the metrics that take part in the mean, and their weights.
func evidenceOf(metrics []named) (logs, weights []float64) {
	sum := 0.0
	for _, metric := range metrics {
		if metric.role == roleEvidence {
			logs, weights = append(logs, metric.Worse), append(weights, metric.weight)
			sum += metric.weight
		}
	}
	if sum == 0 {
		weights = nil
	}
	return logs, weights
}

// lead is the metric with the most evidence in the mean, and whether there are several.
func lead(metrics []named) (leading named, several bool) {
	logs, weights := evidenceOf(metrics)
	most, i := math.Inf(-1), 0
	for _, metric := range metrics {
		if metric.role != roleEvidence {
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

// safest is the least evidence of any metric that the canary is good: what passing waits for. One that is left out keeps nothing.
func safest(metrics []named) float64 {
	least, some := math.Inf(1), false
	for _, metric := range metrics {
		if metric.role == roleEvidence && !metric.absent() {
			least, some = math.Min(least, metric.Safe), true
		}
	}
	if !some {
		return 0
	}
	return least
}
