package analyst

import (
	"time"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// renew has thresholds of templates with steps begin anew at each visit of such a step, once all of the visit before is measured:
// what was good there lets no other pass. A failure stays.
func (i *inquiry) renew(c course) {
	for _, s := range i.scopes {
		m := s.metrics[0]
		if m.Threshold == nil || !m.begun || s.ref == nil || len(s.ref.Steps) == 0 {
			continue
		}
		for _, w := range m.windows(c) {
			if !w.start.After(m.visit) {
				continue
			}
			if m.visit.IsZero() {
				m.visit = w.start
				continue
			}
			if _, due := m.measurable(c); due || m.measuring || m.threshold.Verdict() == v1alpha1.VerdictFail {
				break
			}
			if m.problem = i.anew(s, m, w.start); m.problem != nil {
				break
			}
		}
	}
}

// anew gives a threshold, alone in its scope, a judge who knows nothing; its course goes on.
func (i *inquiry) anew(s *scope, m *metric, at time.Time) error {
	before := m.track
	s.judgement = analysis.NewJudgement(0)
	if err := m.judge(s, len(i.metrics)); err != nil {
		return err
	}
	m.track, m.visit = before, at
	m.track.judged(at, m.finding(at))
	return nil
}
