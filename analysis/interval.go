// Package analysis says what canary and stable did, and judges it. It is pure: sources in its subfolders measure, the shell
// hands in what they measured.
package analysis

import "time"

// Counts is what one arm did in an interval. Both are increments of raw counters, at least 0: of Exposures, such as
// requests, Events were bad ones, such as errors or slow requests. Events may be more than Exposures where they are no part
// of them, such as restarts.
type Counts struct {
	Exposures, Events float64
}

// Interval is what both arms did between two scrapes. An interval of which a source had no data is left out, never zero.
type Interval struct {
	// Start and End are the times of the two scrapes, Start before End.
	Start, End time.Time
	// Canary and Stable are the two arms.
	Canary, Stable Counts
	// Weight is the share of requests that the routes were seen to give the canary, in parts per million; 0 where callers are matched,
	// whose share nobody declares.
	Weight int32
}

// Both says whether both arms did something, so that they can be compared.
func (i Interval) Both() bool { return i.Canary.Exposures > 0 && i.Stable.Exposures > 0 }

func (i Interval) length() time.Duration { return i.End.Sub(i.Start) }

func (i Interval) end() time.Time { return i.End }
