package analyst

import (
	"errors"
	"maps"
	"math"
	"runtime"
	"slices"
	"time"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/egress"
)

const (
	// history is from how far back noise is known, and portion how much of it is asked for at once.
	history, portion = 6 * time.Hour, time.Hour
	// mostTries is how often history is asked for; then noise is learnt on the way.
	mostTries = 3
	// mostPods is how many pods noise is known by; with more, it takes long to know little more.
	mostPods = 12
)

// noise is how much noisier the traffic is than independent requests, where that is known beforehand; 0 learns it.
func (m *metric) noise(c course) float64 {
	switch {
	case m.Compare != nil && m.Compare.Noise != nil:
		return math.Max(number(m.Compare.Noise, 1), 1)
	case m.Latency != nil && m.Latency.Noise != nil:
		return math.Max(number(m.Latency.Noise, 1), 1)
	case m.Objective != nil:
		return math.Max(number(m.Objective.Noise, 1), 1)
	case m.arms.shared && c.drawn():
		return 1 // requests are drawn one by one
	default:
		return 0
	}
}

// calibrated is the noise of a metric, also by what stable's pods did before, each against the others.
func (i *inquiry) calibrated(a *Analyst, m *metric, c course, end time.Time) (float64, error) {
	known := m.noise(c)
	if known > 0 || m.Compare == nil || m.arms.shared {
		return known, nil
	}
	histories := map[string][]analysis.Interval{}
	for from := end.Add(-history); from.Before(end); {
		to := from.Add(portion)
		if m.many {
			to = earliest(end, from.Add(glance))
		}
		given, err := i.given(a, m, from.Add(-m.grid.Lookback()), to)
		if errors.Is(err, egress.ErrTooLarge) && !m.many {
			m.many = true
			continue
		}
		if err != nil && m.tries < mostTries {
			m.tries++
			return 0, err
		}
		if err != nil {
			return 0, nil // so long a time may be too much for its source
		}
		stable := m.arm(m.arms.stable, m.arms.stableEvents, given)
		for _, pod := range someOf(podsOf(stable.Exposures)) {
			one, rest := apart(stable, pod)
			histories[pod] = append(histories[pod], analysis.Intervals(one, rest, m.grid, from, to)...)
			a.turns.aside(runtime.Gosched) // so much may be known of many pods that others would wait
		}
		from = to
	}
	all := make([][]analysis.Interval, 0, len(histories))
	for _, history := range histories {
		all = append(all, history)
	}
	if phi, found := analysis.Calibrate(all...); found {
		return phi, nil
	}
	return 0, nil
}

func (i *inquiry) given(a *Analyst, m *metric, from, to time.Time) (map[string][]analysis.Series, error) {
	var asked batch
	asked.want(m, from, to)
	asked.ask(i.ctx, a)
	return asked.given(m, from, to)
}

// podOf names the pod whose series it is.
func podOf(s analysis.Series) string {
	if pod := s.Labels["pod"]; pod != "" {
		return pod
	}
	return s.Labels["instance"]
}

// podsOf are the pods of some series, sorted; none if there is but one, which has no others beside it.
func podsOf(series []analysis.Series) []string {
	pods := map[string]bool{}
	for _, s := range series {
		pods[podOf(s)] = true
	}
	if len(pods) < 2 {
		return nil
	}
	return slices.Sorted(maps.Keys(pods))
}

// someOf are at most mostPods of the pods, from all over the list.
func someOf(pods []string) []string {
	if len(pods) <= mostPods {
		return pods
	}
	some := make([]string, mostPods)
	for i := range some {
		some[i] = pods[i*len(pods)/mostPods]
	}
	return some
}

// apart splits an arm into one pod and the others.
func apart(arm analysis.Arm, pod string) (one, rest analysis.Arm) {
	split := func(series []analysis.Series) (of, others []analysis.Series) {
		for _, s := range series {
			if podOf(s) == pod {
				of = append(of, s)
			} else {
				others = append(others, s)
			}
		}
		return of, others
	}
	one.Exposures, rest.Exposures = split(arm.Exposures)
	one.Events, rest.Events = split(arm.Events)
	return one, rest
}
