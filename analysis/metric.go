package analysis

import "time"

// Metric is one of those that a Judgement goes by. Use Ask.
type Metric[T Observation] struct {
	name   string
	weight float64
	judge  Judge[T]
	// waiting are the observations that the judge wasn't given yet; last ended last, of all that were told.
	waiting []T
	last    T
	some    bool
	// optional: without data it is left out.
	optional bool
	// kept: what it found does not age.
	kept bool
}

// Ask has a judge of its own say what it finds, under this name. Weight is the share of its evidence in what is put together, at
// least 0, relative to that of the others; all 0 are equal.
func Ask[T Observation](j *Judgement, name string, weight float64, judge Judge[T]) *Metric[T] {
	m := &Metric[T]{name: name, weight: weight, judge: judge}
	j.metrics = append(j.metrics, m)
	return m
}

// Optional says whether the metric is left out of the verdict as long as it has no data. It may be said again.
func (m *Metric[T]) Optional(may bool) { m.optional = may }

// Keep says whether what was found stays, as long as nothing can be observed. It may be said again.
func (m *Metric[T]) Keep(may bool) { m.kept = may }

// Add takes further observations, in the order of time. They are judged when the Judgement is looked at.
func (m *Metric[T]) Add(observations ...T) {
	m.waiting = append(m.waiting, observations...)
	if len(observations) > 0 {
		m.last, m.some = observations[len(observations)-1], true
	}
}

// Finding is what its judge says by the evidence as of now, of what was judged so far.
func (m *Metric[T]) Finding(now time.Time) Finding {
	if m.kept {
		return m.judge.standing()
	}
	return m.judge.standing().Aged(now)
}

// metric is a Metric of whatever observations.
type metric interface {
	// next is when the first observation that waits ended, false if none waits.
	next() (time.Time, bool)
	// told is when the last observation of all ended, zero without any, and how long it was.
	told() (end time.Time, every time.Duration)
	// step gives the judge what ended until then.
	step(until time.Time)
	// named is the finding as of then; the zero time lets none age.
	named(now time.Time) named
	role() role
	// applies is false for a split where no share is declared.
	applies() bool
}

// named is a finding with its name.
type named struct {
	name     string
	role     role
	weight   float64
	optional bool
	Finding
}

func (m *Metric[T]) next() (time.Time, bool) {
	if len(m.waiting) == 0 {
		return time.Time{}, false
	}
	return m.waiting[0].end(), true
}

func (m *Metric[T]) told() (end time.Time, every time.Duration) {
	if !m.some {
		return time.Time{}, 0
	}
	return m.last.end(), m.last.length()
}

func (m *Metric[T]) step(until time.Time) {
	for len(m.waiting) > 0 && !m.waiting[0].end().After(until) {
		m.judge.Add(m.waiting[0])
		m.waiting = m.waiting[1:]
	}
}

func (m *Metric[T]) named(now time.Time) named {
	return named{name: m.name, role: m.role(), weight: m.weight, optional: m.optional, Finding: m.Finding(now)}
}

func (m *Metric[T]) role() role { return m.judge.role() }

func (m *Metric[T]) applies() bool {
	split, is := any(m.judge).(*Split)
	return !is || split.Applies()
}
