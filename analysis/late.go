package analysis

import "crossfade.io/crossfade/analysis/sequential"

// late are events of an arm that were counted in intervals in which it had no exposures, as of requests that fail long after they
// came, or of pods that crash. They are of the next interval that can be used.
type late float64

// keep takes the events of an interval without exposures.
func (l *late) keep(of Counts) Counts {
	if of.Exposures == 0 && sequential.Arm(of).Believed() {
		*l += late(of.Events)
		of.Events = 0
	}
	return of
}

// give adds what was kept to an interval that can be used.
func (l *late) give(of Counts) Counts {
	of.Events += float64(*l)
	*l = 0
	return of
}
