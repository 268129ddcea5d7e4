package analyst

import (
	"errors"
	"slices"
	"time"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// patience is how long measurements of the past are taken before what others found is told.
const patience = 10 * time.Second

// collect gives judges all that was known by then, in the order in which it became known, so that one who begins later finds the same.
// What comes later may be of another step, of which the course doesn't know.
func (i *inquiry) collect(a *Analyst, c course, now time.Time) {
	i.mu.Lock()
	events := i.answers
	i.answers = nil
	i.mu.Unlock()
	began := a.Clock()
	for {
		i.renew(c)
		counted, horizon, more := i.count(a, c, now)
		events = append(events, counted...)
		taken, left := i.measure(a, c, now, horizon)
		events = append(events, taken...)
		events = i.advance(events, horizon)
		late := !more && left && a.Clock().Sub(began) > patience
		if !more && !left || late || i.ctx.Err() != nil {
			i.advance(events, now)
			i.renew(c)
			for _, m := range i.metrics {
				m.behind = late && m.past && m.overdue(c, now)
			}
			return
		}
	}
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// windows are when the metric is judged.
func (m *metric) windows(c course) []window { return c.windows(m.when) }

// measure takes the measurements of thresholds that are due. Of a source that knows the past, they are taken as of their time, one
// after the other up to the horizon, and left says that there may be more; of others beside the looks, as long as
// the source lets that take, as a Job of hours.
func (i *inquiry) measure(a *Analyst, c course, now, horizon time.Time) (taken []event, left bool) {
	for _, m := range i.metrics {
		at, _ := m.measurable(c)
		if !m.overdue(c, now) || m.past && at.Add(m.settle()).After(horizon) {
			continue
		}
		if !m.past {
			at = now
		}
		if err := i.follow(a, m, c.stepAt(at)); err != nil {
			m.problem, m.retry = err, a.Clock().Add(again)
			continue
		}
		if m.past {
			of, err := i.remembered(a, m, at)
			if errors.Is(err, analysis.ErrUnreachable) {
				m.problem, m.retry = err, a.Clock().Add(again) // once it answers, it still knows
				continue
			}
			m.told = at
			taken, left = append(taken, of), true
			continue
		}
		m.measuring = true
		go func() {
			value, err := a.value(i.ctx, m.source, m.query(), now)
			of := m.measured(now, value, err)
			i.mu.Lock()
			defer i.mu.Unlock()
			i.answers = append(i.answers, of)
			if !i.gone {
				a.wake(i)
			}
		}()
	}
	return taken, left
}

// remembered is a measurement of a time that is past. Neither its source nor its conditions, which a user wrote, hold up other looks.
func (i *inquiry) remembered(a *Analyst, m *metric, at time.Time) (of event, err error) {
	a.turns.aside(func() {
		var value analysis.Value
		value, err = a.value(i.ctx, m.source, m.query(), at)
		of = m.measured(at, value, err)
	})
	return of, err
}

// overdue: the next measurement is known, if its source answers.
func (m *metric) overdue(c course, now time.Time) bool {
	at, due := m.measurable(c)
	return due && !at.Add(m.settle()).After(now) && !now.Before(m.retry)
}

// measurable is when the next measurement of a threshold is due; false if none is.
func (m *metric) measurable(c course) (time.Time, bool) {
	windows := m.windows(c)
	if !m.visit.IsZero() {
		windows = slices.DeleteFunc(windows, func(w window) bool { return !w.start.Equal(m.visit) })
	}
	if m.threshold == nil || !m.begun || m.measuring || len(windows) == 0 {
		return time.Time{}, false
	}
	at, wanted := m.threshold.Next(windows[0].start)
	if !wanted {
		return time.Time{}, false
	}
	for _, w := range windows {
		if !w.open() && !m.past {
			continue // nobody can measure it any more
		}
		if at.Before(w.start) {
			at = w.start
		}
		if w.open() || at.Before(w.end) {
			return at, true
		}
	}
	return time.Time{}, false
}

// advance gives judges what became known until then, moment by moment, and returns what is left.
func (i *inquiry) advance(events []event, until time.Time) []event {
	slices.SortStableFunc(events, func(a, b event) int { return a.at.Compare(b.at) })
	for len(events) > 0 && !events[0].at.After(until) {
		at := events[0].at
		points := map[*metric]point{}
		var order []*metric
		for len(events) > 0 && events[0].at.Equal(at) {
			points[events[0].of] = events[0].add()
			order = append(order, events[0].of)
			events = events[1:]
		}
		for _, s := range i.scopes {
			if slices.ContainsFunc(s.metrics, func(m *metric) bool { _, some := points[m]; return some }) {
				s.found = s.judgement.Look(s.asOf(at))
			}
		}
		for _, m := range order {
			m.looked(at, points[m])
			m.measuring = false
		}
	}
	return events
}

// until is the time as of which a scope is looked at: once all of its windows are over, what it found stays, and of what is behind
// nothing is known from its next measurement on.
func (s *scope) until(c course, now time.Time) (at time.Time, open, ever bool) {
	for _, m := range s.metrics {
		if m.behind && !m.told.IsZero() {
			now = earliest(now, m.told.Add(m.settle()))
		}
	}
	windows := c.windows(s.ref)
	if len(windows) == 0 {
		return now, false, false
	}
	last := windows[len(windows)-1]
	if last.open() {
		return now, true, true
	}
	settle := time.Duration(0)
	for _, m := range s.metrics {
		settle = max(settle, m.settle())
	}
	return earliest(now, last.end.Add(settle)), false, true
}

// asOf is that of the metric that is known last.
func (s *scope) asOf(at time.Time) time.Time {
	of := at
	for _, m := range s.metrics {
		of = earliest(of, m.asOf(at))
	}
	return of
}

// next is when the next look is due: when more is known, or a source is to be asked again.
func (i *inquiry) next(a *Analyst, c course) time.Time {
	now := a.Clock()
	next := now.Add(time.Minute)
	if i.unready(c) != "" || !i.ready(c) {
		next = now.Add(again)
	}
	for _, m := range i.metrics {
		if !m.begun {
			if known := m.arrives(c); known.After(now) {
				next = earliest(next, known)
			}
			continue
		}
		if at, due := m.measurable(c); due {
			if at = at.Add(m.settle()); at.Before(m.retry) {
				at = m.retry
			}
			next = earliest(next, at)
		}
		windows := m.windows(c)
		if len(m.set.Queries) == 0 || len(windows) == 0 || !windows[len(windows)-1].open() || m.problem != nil {
			continue
		}
		begin := m.grid.Ceil(windows[len(windows)-1].start)
		if m.told.After(begin) {
			begin = m.told
		}
		next = earliest(next, begin.Add(m.grid.Step+m.settle()))
	}
	if soon := now.Add(time.Second); next.Before(soon) {
		return soon
	}
	return next
}

// counts are those of both versions in the last minutes.
func (m *metric) counts() (canary, stable analysis.Counts) {
	for _, interval := range m.recent {
		canary.Exposures += interval.Canary.Exposures
		stable.Exposures += interval.Stable.Exposures
	}
	return canary, stable
}

// worst puts verdicts together: what fails, else what lacks data, else what is open.
func worst(a, b v1alpha1.Verdict) v1alpha1.Verdict {
	for _, v := range []v1alpha1.Verdict{v1alpha1.VerdictFail, v1alpha1.VerdictNoData, v1alpha1.VerdictInconclusive} {
		if a == v || b == v {
			return v
		}
	}
	return v1alpha1.VerdictPass
}
