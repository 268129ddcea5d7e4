package analyst

import (
	"time"

	"crossfade.io/crossfade/analysis"
)

// pace is how often the canary is scraped, where nothing before the first step says so: by its first two scrapes since; 0 if it has
// none yet. The ranges that it looks at are fixed, so that who begins later finds the same.
func (i *inquiry) pace(a *Analyst, m *metric, c course) (time.Duration, error) {
	known := a.Clock().Add(-arrival - m.lag)
	for i.ctx.Err() == nil {
		from := c.first().Add(m.sought)
		to := earliest(from.Add(glance), from.Add(known.Sub(from).Truncate(time.Minute)))
		if !from.Before(to) {
			return 0, nil
		}
		given, err := i.given(a, m, from, to)
		if err != nil {
			return 0, err
		}
		canary := m.pick(m.arms.canary, given)
		for end := from.Add(time.Minute); !end.After(to); end = end.Add(time.Minute) {
			if step := analysis.Cadence(until(canary, end)); step > 0 {
				return step, nil
			}
		}
		if to.Before(from.Add(glance)) {
			return 0, nil
		}
		m.sought += glance
	}
	return 0, i.ctx.Err()
}

// until are the series as they were known then.
func until(all []analysis.Series, end time.Time) []analysis.Series {
	known := make([]analysis.Series, len(all))
	for n, series := range all {
		known[n] = analysis.Series{Labels: series.Labels}
		for _, sample := range series.Samples {
			if !sample.Time.After(end) {
				known[n].Samples = append(known[n].Samples, sample)
			}
		}
	}
	return known
}
