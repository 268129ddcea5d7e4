package analyst

import "time"

// stretch is how much of the past is asked for at once, as after a restart, and fewIntervals how much where that is too much.
const (
	stretch      = time.Hour
	fewIntervals = 10
)

// count asks for what was counted and is due, once of each metric. More is known then, and where there is more to ask for, no later
// than the horizon.
func (i *inquiry) count(a *Analyst, c course, now time.Time) (events []event, horizon time.Time, more bool) {
	horizon = now
	wanted := map[window][]*metric{}
	for _, m := range i.counting() {
		from, to := m.due(c, now)
		if !m.begun || !from.Before(to) {
			continue
		}
		wanted[window{from, to}] = append(wanted[window{from, to}], m)
	}
	for w, metrics := range wanted {
		back := time.Duration(0)
		for _, m := range metrics {
			back = max(back, m.grid.Lookback())
		}
		asked := window{w.start.Add(-back), w.end}
		for m, given := range i.fetch(a, metrics, func(*metric) window { return asked }) {
			m.told = w.end
			events = append(events, m.events(c, given, w.start, w.end)...)
			if from, to := m.due(c, now); from.Before(to) {
				more = true
				horizon = earliest(horizon, m.told.Add(m.settle()))
			}
		}
		for _, m := range tooMany(metrics) {
			more, horizon = true, earliest(horizon, w.start.Add(m.settle()))
		}
	}
	return events, horizon, more
}

// due is the next range that can be asked for of the metric; empty if there is none yet.
func (m *metric) due(c course, now time.Time) (from, to time.Time) {
	settled := m.grid.Settled(now)
	for _, w := range m.windows(c) {
		from, to = m.grid.Ceil(w.start), settled
		if !w.open() && m.grid.Floor(w.end).Before(to) {
			to = m.grid.Floor(w.end)
		}
		if m.told.After(from) {
			from = m.told
		}
		if from.Before(to) {
			long := stretch
			if m.many {
				long = fewIntervals * m.grid.Step
			}
			return from, earliest(to, from.Add(long))
		}
	}
	return time.Time{}, time.Time{}
}
