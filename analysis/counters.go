package analysis

import "time"

// Arm is what was scraped of canary or of stable.
type Arm struct {
	// Exposures are the counters of all that happened, Events those of what was bad; each may have many series, of pods, codes
	// and methods.
	Exposures, Events []Series
}

// Intervals says what both arms did in each interval of the grid that begins at from or later and ends at to or earlier. The
// samples must reach back to Lookback before from; those after to change nothing. The same range cut anywhere on the grid
// gives the same intervals, so a controller that was restarted sees what the one before it saw, if to is never later than
// Settled says. The Weight is left to the caller.
//
// Each series is differenced between two samples, and counts from 0 where it fell. What two scrapes counted between them is
// of the interval of the second. Left out is an interval in which an arm was not scraped, or for the first time since two
// scrapes were missed; of an arm with several targets, what the others counted is taken. Left out is also one with a scrape
// of the arm that was there and can't be read: it would be the pods that others can't make up for.
//
// A series that was not there a scrape ago counts from 0 if its target was scraped then: a gateway has no counter of errors
// before the first. If its target was not, its first value is where it begins: it could be of hours that were never
// scraped, as after a restart of Prometheus, and would blame new pods, which are the canary's, for them. For the same reason
// one that was away, and comes back no lower within Lookback, is taken up from there: what tells of many pods, as a
// collector does, has them back one after the other.
func Intervals(canary, stable Arm, grid Grid, from, to time.Time) []Interval {
	known := seen(grid, [2][][]Series{{canary.Exposures, canary.Events}, {stable.Exposures, stable.Events}})
	var exposed, bad [2]map[int64][]float64
	for i, arm := range []Arm{canary, stable} {
		exposed[i] = known.increments(i, counters(arm.Exposures))
		bad[i] = known.increments(i, counters(arm.Events))
	}
	var out []Interval
	for end := grid.Ceil(from).Add(grid.Step); !end.After(to); end = end.Add(grid.Step) {
		slot := end.UnixNano()
		if !known.both(slot) {
			continue
		}
		out = append(out, Interval{
			Start: end.Add(-grid.Step), End: end,
			Canary: Counts{Exposures: only(exposed[0][slot]), Events: only(bad[0][slot])},
			Stable: Counts{Exposures: only(exposed[1][slot]), Events: only(bad[1][slot])},
		})
	}
	return out
}

// sight is which scrapes there were, and which intervals are known of each arm.
type sight struct {
	grid Grid
	all  scrapes
	arms [2]map[int64]bool
}

func seen(grid Grid, arms [2][][]Series) sight {
	s := sight{grid: grid, all: scraped(append(arms[0][:len(arms[0]):len(arms[0])], arms[1]...)...)}
	for i, arm := range arms {
		if grid.Shared {
			s.arms[i] = s.all.slots(grid)
			continue
		}
		s.arms[i] = scraped(arm...).slots(grid)
	}
	return s
}

func (s sight) both(slot int64) bool { return s.arms[0][slot] && s.arms[1][slot] }

// only is the one value of a counter, 0 where it counted nothing.
func only(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	return values[0]
}

// counter is what counts up together and falls together: one number, or the buckets of a histogram.
type counter struct {
	of     target
	points []point
}

// point is one scrape of a counter.
type point struct {
	at time.Time
	// values is nil where the scrape can't tell them: they are unknown, not 0.
	values []float64
}

func counters(series []Series) []counter {
	var all []counter
	for _, s := range series {
		c := counter{of: instance(s.Labels)}
		for _, sample := range ordered(s.Samples) {
			if sample.Histogram == nil {
				c.points = append(c.points, point{sample.Time, []float64{sample.Value}})
				continue
			}
			c.points = append(c.points, point{at: sample.Time})
		}
		all = append(all, c)
	}
	return all
}

// increments sums by interval what the counters of the arm counted. Intervals of which one can't tell are no longer known.
func (s sight) increments(arm int, all []counter) map[int64][]float64 {
	sums := map[int64][]float64{}
	for _, c := range all {
		for i, p := range c.points {
			if !s.all.follows(c.of, p.at, s.grid) {
				continue
			}
			slot := s.grid.slot(p.at)
			var before *point
			if i > 0 {
				before = &c.points[i-1]
			}
			grown, ok := s.grid.grown(before, p)
			if !ok {
				delete(s.arms[arm], slot)
				continue
			}
			if sums[slot] == nil {
				sums[slot] = make([]float64, len(p.values))
			}
			for j, v := range grown {
				sums[slot][j] += v
			}
		}
	}
	return sums
}

// grown is what a counter counted up to a scrape since the one before, which is nil if there is none; ok is false if that
// can't be told. It is nil where what it counted is of no known time.
func (g Grid) grown(before *point, now point) (grown []float64, ok bool) {
	switch {
	case now.values == nil:
		return nil, false
	case before == nil || now.at.Sub(before.at) > g.Lookback():
		return now.values, true
	case before.values == nil:
		return nil, false
	case fell(before.values, now.values):
		return now.values, true
	case now.at.Sub(before.at) > g.longest():
		return nil, true
	}
	grown = make([]float64, len(now.values))
	for i := range grown {
		grown[i] = now.values[i] - before.values[i]
	}
	return grown, true
}

// fell says whether a counter did in any part: it was restarted then, and has counted from 0.
func fell(before, now []float64) bool {
	for i := range now {
		if now[i] < before[i] {
			return true
		}
	}
	return false
}
