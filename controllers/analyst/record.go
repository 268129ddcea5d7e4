package analyst

import (
	"math"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

// record is what people are told.
func (i *inquiry) record(e *planner.Evidence, now time.Time) *v1alpha1.AnalysisStatus {
	status := &v1alpha1.AnalysisStatus{
		At: metav1.NewMicroTime(now), Verdict: e.Verdict, Message: e.Message, Outlook: i.outlook,
	}
	for _, m := range i.metrics {
		if status.Share == "" && (m.Compare != nil || m.Split != nil) {
			status.Share = m.share(now)
		}
		if m.begun && m.found.Verdict != "" {
			status.Metrics = append(status.Metrics, m.status(i.begun))
		}
	}
	return status
}

// share is the canary's share of the requests in the last minutes; empty where nothing was counted lately.
func (m *metric) share(now time.Time) string {
	if n := len(m.recent); n == 0 || now.Sub(m.recent[n-1].End) > shown+m.settle() {
		return ""
	}
	canary, stable := m.counts()
	if all := canary.Exposures + stable.Exposures; all > 0 {
		return digits(100*canary.Exposures/all) + "%"
	}
	return ""
}

func (m *metric) status(begun time.Time) v1alpha1.MetricStatus {
	f := m.found
	s := v1alpha1.MetricStatus{
		Name: m.name, Kind: m.kind(), Verdict: f.Verdict, Reason: shortened(f.Reason, longestReason), DryRun: m.DryRun,
		Series: m.track.table(begun), Verdicts: m.track.verdicts,
	}
	switch {
	case m.difference != nil && f.Verdict != v1alpha1.VerdictNoData:
		effect := m.difference.Effect()
		s.Outcome, s.Difference, s.Noise = effect.Outcome, digits(effect.Difference), digits(f.Phi)
		if !math.IsInf(effect.Half, 0) {
			s.Half = digits(effect.Half)
		}
	case m.difference == nil && m.threshold == nil && f.Used > 0:
		m.weigh(&s, f)
	}
	if edge := m.edge(); edge > 0 {
		s.Edge = digits(edge)
	}
	if f.ETA > 0 {
		s.Decides = f.ETA.Round(time.Second).String()
	}
	return s
}

// weigh puts in the ratio and the evidence, as far as the judge has them.
func (m *metric) weigh(s *v1alpha1.MetricStatus, f analysis.Finding) {
	s.Ratio = digits(f.Ratio)
	if m.Split == nil {
		s.Low, s.High = digits(f.Low), digits(f.High)
	}
	if m.fails > 0 {
		s.Worse, s.FailsAt, s.Noise = digits(f.Worse), digits(m.fails), digits(f.Phi)
	}
	if m.passes > 0 {
		s.Safe, s.PassesAt = digits(f.Safe), digits(m.passes)
	}
}
