package analysis

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// missable is how many scrapes in a row may be missed before there is no data: with two, what was counted since may be of
// any time, so nothing is made of it.
const missable = 1

// Grid is the clock of intervals: they begin and end at whole multiples of Step since the year 1, so that whoever looks,
// whenever, and from whatever time on, finds the same ones.
type Grid struct {
	// Step is how often the source scrapes, such as 15 s; above 0. It is to be what Cadence says: with less, intervals without
	// a scrape are left out, which may be all of them, as of two arms that are scraped every 30 s at different seconds.
	Step time.Duration
	// Settle is how long after the end of an interval its scrapes may still be on their way; 0 is Step and 5 s. A scrape is
	// stored under the time at which it began, so it is the timeout of scrapes, which is at most their interval, and a bit for
	// storing. What reads copies, as Thanos may, wants more.
	Settle time.Duration
	// Shared says that each target sees both arms, as a gateway does; an arm of which it counts nothing then did nothing.
	// Otherwise each arm is scraped by itself, as pods are, and one that isn't has no data.
	Shared bool
}

// remembered is for how long a counter that is away is not forgotten, so that it is not taken for a new one.
const remembered = 5 * time.Minute

// Lookback is what must be known from before an interval to tell what happened in it.
func (g Grid) Lookback() time.Duration { return max(remembered, g.longest()) }

// Settled is the end of the last interval that is complete at now. Those after it must not be judged yet: queries a moment
// apart see different parts of them, and whoever asks later sees more.
func (g Grid) Settled(now time.Time) time.Time {
	return g.Floor(now.Add(-cmp.Or(g.Settle, g.Step+storing)))
}

// storing is how long it may take until a scrape that ended is found by queries.
const storing = 5 * time.Second

// longest is the most that may lie between two scrapes of a target: what is missable, and half a step for jitter.
func (g Grid) longest() time.Duration { return (missable+1)*g.Step + g.Step/2 }

// Floor is the last end of an interval that is not after t.
func (g Grid) Floor(t time.Time) time.Time { return t.UTC().Truncate(g.Step) }

// Ceil is the first end of an interval that is not before t.
func (g Grid) Ceil(t time.Time) time.Time {
	floor := g.Floor(t)
	if floor.Before(t) {
		return floor.Add(g.Step)
	}
	return floor
}

// slot names the interval that a scrape at t belongs to, by its end: an interval has its end, and not its start.
func (g Grid) slot(t time.Time) int64 { return g.Ceil(t).UnixNano() }

// target is what was scraped in one go: samples with the same time are of the same scrape.
type target string

// instance names the target of a series. Prometheus gives every sample that it scrapes the labels job and instance; where
// others don't, a pod is one. Series without any of these are taken for those of one target.
func instance(labels map[string]string) target {
	return target(labels["job"] + "\xff" + cmp.Or(labels["instance"], labels["namespace"]+"/"+labels["pod"]))
}

// identity is a series without its label le, with which it is one histogram.
func identity(labels map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if name != "le" {
			b.WriteString(name + "\xff" + labels[name] + "\xfe")
		}
	}
	return b.String()
}

// scrapes are the times at which each target was scraped, in order, each once.
type scrapes map[target][]time.Time

// scraped collects the times from all series there are: a target was scraped if any of its series has a sample.
func scraped(all ...[]Series) scrapes {
	times := scrapes{}
	for _, series := range all {
		for _, s := range series {
			of := instance(s.Labels)
			for _, sample := range s.Samples {
				if sample.counts() {
					times[of] = append(times[of], sample.Time)
				}
			}
		}
	}
	for of := range times {
		slices.SortFunc(times[of], time.Time.Compare)
		times[of] = slices.CompactFunc(times[of], time.Time.Equal)
	}
	return times
}

// follows says whether the scrape of the target at t follows another without a gap.
func (s scrapes) follows(of target, t time.Time, g Grid) bool {
	at, _ := slices.BinarySearchFunc(s[of], t, time.Time.Compare)
	return at > 0 && t.Sub(s[of][at-1]) <= g.longest()
}

// slots are the intervals of which something is known by these targets: those in which a scrape is that follows another
// without a gap.
func (s scrapes) slots(g Grid) map[int64]bool {
	known := map[int64]bool{}
	for of, times := range s {
		for _, t := range times {
			if s.follows(of, t, g) {
				known[g.slot(t)] = true
			}
		}
	}
	return known
}

// counts says whether a sample is one: markers of the end of a series are not, and no counter is negative or infinite.
func (s Sample) counts() bool {
	return s.Histogram != nil || (s.Value >= 0 && !math.IsInf(s.Value, 1))
}

// ordered are the samples that count, in order of time, the last of those with the same time.
func ordered(samples []Sample) []Sample {
	kept := make([]Sample, 0, len(samples))
	for _, s := range samples {
		if s.counts() {
			kept = append(kept, s)
		}
	}
	slices.SortStableFunc(kept, func(a, b Sample) int { return a.Time.Compare(b.Time) })
	out := kept[:0]
	for _, s := range kept {
		if len(out) > 0 && out[len(out)-1].Time.Equal(s.Time) {
			out[len(out)-1] = s
			continue
		}
		out = append(out, s)
	}
	return out
}

// Cadence is how often both arms are scraped, for Step: of each list of series the difference between two scrapes of a target
// that is met most often, in whole seconds, the shorter of two that are met as often; and the longest of these, so that each
// list has a scrape in each interval. It is 0 if nothing was scraped twice. Ask it once, and keep to it.
func Cadence(lists ...[]Series) time.Duration {
	var longest time.Duration
	for _, series := range lists {
		longest = max(longest, cadence(scraped(series)))
	}
	return longest
}

func cadence(all scrapes) time.Duration {
	met := map[time.Duration]int{}
	for _, times := range all {
		for i := 1; i < len(times); i++ {
			met[times[i].Sub(times[i-1]).Round(time.Second)]++
		}
	}
	delete(met, 0)
	var most time.Duration
	for _, d := range slices.SortedFunc(maps.Keys(met), cmp.Compare[time.Duration]) {
		if met[d] > met[most] {
			most = d
		}
	}
	return most
}
