package analysis

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const step = 15 * time.Second

var begin = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// gap is a scrape that was missed.
const gap = -1

// scrape is a series that was scraped every step, the first time at phase after begin.
func scrape(labels map[string]string, phase time.Duration, values ...float64) Series {
	s := Series{Labels: labels}
	for i, v := range values {
		if v != gap {
			s.Samples = append(s.Samples, Sample{Time: begin.Add(phase + time.Duration(i)*step), Value: v})
		}
	}
	return s
}

func pod(instance string) map[string]string {
	return map[string]string{"__name__": "requests_total", "job": "app", "instance": instance}
}

func code(labels map[string]string, code string) map[string]string {
	out := map[string]string{"code": code}
	for k, v := range labels {
		out[k] = v
	}
	return out
}

// counted is what one arm counted, by the number of the interval since begin.
func counted(intervals []Interval, of func(Interval) Counts) map[int]Counts {
	out := map[int]Counts{}
	for _, i := range intervals {
		out[int(i.Start.Sub(begin)/step)] = of(i)
	}
	return out
}

func canary(i Interval) Counts { return i.Canary }

func TestIntervals(t *testing.T) {
	stable := Arm{Exposures: []Series{scrape(pod("stable"), time.Second, 0, 1, 2, 3, 4, 5, 6, 7, 8)}}
	tests := map[string]struct {
		why    string
		canary Arm
		shared bool
		want   map[int]Counts
	}{
		"increments are of the interval in which the later scrape is": {
			canary: Arm{Exposures: []Series{scrape(pod("canary"), 9*time.Second, 5, 15, 25, 25, 30)}},
			want:   map[int]Counts{1: {Exposures: 10}, 2: {Exposures: 10}, 3: {}, 4: {Exposures: 5}},
		},
		"a counter that fell counts from 0": {
			canary: Arm{Exposures: []Series{scrape(pod("canary"), time.Second, 90, 100, 4, 10)}},
			want:   map[int]Counts{1: {Exposures: 10}, 2: {Exposures: 4}, 3: {Exposures: 6}},
		},
		"one missed scrape is made up for by the next": {
			canary: Arm{Exposures: []Series{scrape(pod("canary"), time.Second, 0, 10, gap, 30, 40)}},
			want:   map[int]Counts{1: {Exposures: 10}, 3: {Exposures: 20}, 4: {Exposures: 10}},
		},
		"two missed scrapes are no data, and no zero": {
			canary: Arm{Exposures: []Series{scrape(pod("canary"), time.Second, 0, 10, gap, gap, 40, 50)}},
			want:   map[int]Counts{1: {Exposures: 10}, 5: {Exposures: 10}},
		},
		"the first error counts": {
			why: "its target was scraped before, and had no such counter yet",
			canary: Arm{
				Exposures: []Series{scrape(code(pod("canary"), "200"), time.Second, 10, 20, 30, 40), scrape(code(pod("canary"), "500"), time.Second, gap, gap, 3, 4)},
				Events:    []Series{scrape(code(pod("canary"), "500"), time.Second, gap, gap, 3, 4)},
			},
			want: map[int]Counts{1: {Exposures: 10}, 2: {Exposures: 13, Events: 3}, 3: {Exposures: 11, Events: 1}},
		},
		"what a new target counted before its first scrape does not": {
			why: "it may have been there for hours while nobody scraped",
			canary: Arm{
				Exposures: []Series{scrape(pod("one"), time.Second, 0, 10, 20, 30), scrape(pod("two"), time.Second, gap, gap, 9000, 9001)},
				Events:    []Series{scrape(code(pod("two"), "500"), time.Second, gap, gap, 4000, 4001)},
			},
			want: map[int]Counts{1: {Exposures: 10}, 2: {Exposures: 10}, 3: {Exposures: 11, Events: 1}},
		},
		"nor what an error counter had when scraping began again": {
			canary: Arm{
				Exposures: []Series{scrape(pod("canary"), time.Second, 0, 10, gap, gap, gap, 900, 910)},
				Events:    []Series{scrape(code(pod("canary"), "500"), time.Second, gap, gap, gap, gap, gap, 300, 301)},
			},
			want: map[int]Counts{1: {Exposures: 10}, 6: {Exposures: 10, Events: 1}},
		},
		"markers, infinities and other ends are no values": {
			canary: Arm{Exposures: []Series{scrape(pod("canary"), time.Second, 0, 10, math.NaN(), 30, math.Inf(1), 50)}},
			want:   map[int]Counts{1: {Exposures: 10}, 3: {Exposures: 20}, 5: {Exposures: 20}},
		},
		"of samples with the same time the last counts": {
			canary: Arm{Exposures: []Series{{Labels: pod("canary"), Samples: []Sample{
				{Time: begin.Add(time.Second), Value: 1}, {Time: begin.Add(16 * time.Second), Value: 5}, {Time: begin.Add(16 * time.Second), Value: 4},
			}}}},
			want: map[int]Counts{1: {Exposures: 3}},
		},
		"an arm that a gateway has not counted yet did nothing": {
			shared: true,
			want:   map[int]Counts{1: {}, 2: {}, 3: {}, 4: {}, 5: {}, 6: {}, 7: {}},
		},
		"an arm of pods that nobody scraped has no data": {want: map[int]Counts{}},
		"the first requests that a gateway gives the canary count": {
			shared: true,
			canary: Arm{Exposures: []Series{scrape(code(pod("stable"), "200"), time.Second, gap, gap, gap, 7, 9)}},
			want:   map[int]Counts{1: {}, 2: {}, 3: {Exposures: 7}, 4: {Exposures: 2}, 5: {}, 6: {}, 7: {}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			grid := Grid{Step: step, Shared: test.shared}
			got := Intervals(test.canary, stable, grid, begin, begin.Add(8*step))
			require.Equal(t, test.want, counted(got, canary), test.why)
		})
	}
}

func TestIntervalsOfCountersThatWereAway(t *testing.T) {
	stable := Arm{Exposures: []Series{scrape(pod("stable"), time.Second, 0, 1, 2, 3, 4, 5, 6, 7, 8)}}
	tests := map[string]struct {
		why    string
		canary Arm
		want   map[int]Counts
	}{
		"what one had that comes back a while after its target does not count": {
			why: "a collector was restarted, and pods report to it again one after the other",
			canary: Arm{
				Exposures: []Series{
					scrape(code(pod("collector"), "one"), time.Second, 0, 10, gap, gap, gap, 50, 60, 70),
					scrape(code(pod("collector"), "two"), time.Second, 9000, 9010, gap, gap, gap, gap, 9060, 9070),
				},
				Events: []Series{scrape(code(pod("collector"), "500"), time.Second, 900, 900, gap, gap, gap, gap, 900, 901)},
			},
			want: map[int]Counts{1: {Exposures: 20}, 6: {Exposures: 10}, 7: {Exposures: 20, Events: 1}},
		},
		"but one that fell meanwhile began anew": {
			why: "a gateway forgets counters that are idle",
			canary: Arm{
				Exposures: []Series{scrape(pod("canary"), time.Second, 0, 10, 20, 30, 40, 50)},
				Events:    []Series{scrape(code(pod("canary"), "500"), time.Second, 7, 7, gap, gap, gap, 2)},
			},
			want: map[int]Counts{1: {Exposures: 10}, 2: {Exposures: 10}, 3: {Exposures: 10}, 4: {Exposures: 10}, 5: {Exposures: 10, Events: 2}},
		},
		"a native histogram is no counter, and no zero": {
			canary: Arm{Exposures: []Series{scrape(pod("canary"), time.Second, 0, 10, 20), native("canary", 0, nil, []float64{1})}},
			want:   map[int]Counts{2: {Exposures: 10}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := Intervals(test.canary, stable, Grid{Step: step}, begin, begin.Add(8*step))
			require.Equal(t, test.want, counted(got, canary), test.why)
		})
	}
}

func TestIntervalsAreOfBothArms(t *testing.T) {
	canary := Arm{Exposures: []Series{scrape(pod("canary"), 14*time.Second, 0, 10, 20)}}
	stable := Arm{Exposures: []Series{scrape(pod("stable"), time.Second, 0, 100, 200)}}
	got := Intervals(canary, stable, Grid{Step: step}, begin.Add(time.Second), begin.Add(3*step))
	require.Equal(t, []Interval{
		{Start: begin.Add(step), End: begin.Add(2 * step), Canary: Counts{Exposures: 10}, Stable: Counts{Exposures: 100}},
		{Start: begin.Add(2 * step), End: begin.Add(3 * step), Canary: Counts{Exposures: 10}, Stable: Counts{Exposures: 100}},
	}, got, "whenever they are scraped in it")
}

func TestCadence(t *testing.T) {
	require.Equal(t, step, Cadence([]Series{scrape(pod("one"), time.Second, 1, 2, 3, gap, 4)}))
	require.Zero(t, Cadence([]Series{scrape(pod("one"), time.Second, 1)}, nil))

	canary := []Series{scrape(pod("canary"), time.Second, 0, gap, 10, gap, 20, gap, 30)}
	stable := []Series{scrape(pod("stable"), 16*time.Second, 0, gap, 10, gap, 20, gap, 30)}
	often := []Series{scrape(pod("stable"), 2*time.Second, 0, 5, 10, 15, 20, 25, 30, 35)}
	read := func(stable []Series, step time.Duration) []Interval {
		return Intervals(Arm{Exposures: canary}, Arm{Exposures: stable}, Grid{Step: step}, begin, begin.Add(8*15*time.Second))
	}
	require.Empty(t, read(stable, step), "arms that are scraped less often than each step have no interval in common")
	for _, stable := range [][]Series{stable, often} {
		require.Equal(t, 2*step, Cadence(canary, stable))
		got := read(stable, Cadence(canary, stable))
		require.Len(t, got, 3)
		for _, i := range got {
			require.Equal(t, []Counts{{Exposures: 10}, {Exposures: 10}}, []Counts{i.Canary, i.Stable})
		}
	}
}

func TestSettled(t *testing.T) {
	grid := Grid{Step: step}
	require.Equal(t, begin, grid.Settled(begin.Add(20*time.Second)))
	require.Equal(t, begin.Add(-step), grid.Settled(begin.Add(19*time.Second)), "a scrape that began at its end may take so long")
	require.Equal(t, begin, Grid{Step: step, Settle: 40 * time.Second}.Settled(begin.Add(40*time.Second)))
}

func TestLateSamples(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 4))
		told := tell(random, 24, true)
		// Each of the series is found some time after it was scraped, and not all at once.
		late := map[string]time.Duration{}
		visible := func(all []Series, now time.Time) []Series {
			var out []Series
			for _, s := range all {
				kept := Series{Labels: s.Labels}
				for _, sample := range s.Samples {
					key := identity(s.Labels) + sample.Time.String()
					if _, ok := late[key]; !ok {
						late[key] = time.Duration(random.IntN(15000)) * time.Millisecond
					}
					if !sample.Time.Add(late[key]).After(now) {
						kept.Samples = append(kept.Samples, sample)
					}
				}
				out = append(out, kept)
			}
			return out
		}
		for _, grid := range []Grid{{Step: step}, {Step: step, Shared: true}} {
			var seen []Interval
			from, end := begin, begin.Add(26*step)
			for now := begin; now.Before(end); now = now.Add(7 * time.Second) {
				to := grid.Settled(now)
				if !to.After(from) {
					continue
				}
				arm := func(a Arm) Arm {
					events := visible(a.Events, now)
					return Arm{Exposures: visible(a.Exposures, now.Add(time.Second)), Events: events} // asked for one after the other
				}
				seen = append(seen, Intervals(arm(told.canary), arm(told.stable), grid, from, to)...)
				from = to
			}
			require.Equal(t, Intervals(told.canary, told.stable, grid, begin, from), seen, "who looks as time goes by sees what one sees who looks later")
		}
	}
}

// story is what some targets did over some scrapes, and what was stored of it.
type story struct {
	canary, stable Arm
	// total is what was counted in all after the first scrape of each target.
	total Counts
}

// tell makes up a story; holes are missed scrapes, jitter, doubled samples and markers.
func tell(random *rand.Rand, scrapes int, holes bool) story {
	var told story
	for _, arm := range []*Arm{&told.canary, &told.stable} {
		for range 1 + random.IntN(3) {
			labels := pod(string(rune('a' + random.IntN(26)*2)))
			labels["instance"] += string(rune('0' + len(told.canary.Exposures)*2 + len(told.stable.Exposures)))
			phase := time.Duration(1+random.IntN(13000)) * time.Millisecond
			requests, errors := Series{Labels: labels}, Series{Labels: code(labels, "500")}
			var n, bad float64
			var met bool // a counter of errors is there from the first on
			for i := range scrapes {
				more := float64(random.IntN(50))
				worse := float64(random.IntN(3))
				if random.IntN(20) == 0 && n > more && bad > worse {
					n, bad = 0, 0
				}
				n, bad = n+more, bad+worse
				met = met || bad > 0
				if i > 0 {
					told.total.Exposures += more
					told.total.Events += worse
				}
				at := begin.Add(phase + time.Duration(i)*step)
				if holes {
					at = at.Add(time.Duration(random.IntN(1500)) * time.Millisecond)
					if random.IntN(4) == 0 {
						continue
					}
				}
				requests.Samples = append(requests.Samples, Sample{Time: at, Value: n})
				if met {
					errors.Samples = append(errors.Samples, Sample{Time: at, Value: bad})
				}
				if holes && random.IntN(6) == 0 {
					requests.Samples = append(requests.Samples, Sample{Time: at, Value: n}, Sample{Time: at.Add(time.Second), Value: math.NaN()})
				}
			}
			if holes {
				requests, errors = leave(random, requests), leave(random, errors)
			}
			arm.Exposures, arm.Events = append(arm.Exposures, requests), append(arm.Events, errors)
		}
	}
	return told
}

// leave has a series be away now and then, perhaps for longer than it is remembered.
func leave(random *rand.Rand, s Series) Series {
	kept := Series{Labels: s.Labels}
	away := 0
	for _, sample := range s.Samples {
		if random.IntN(30) == 0 {
			away = random.IntN(30)
		}
		if away--; away < 0 {
			kept.Samples = append(kept.Samples, sample)
		}
	}
	return kept
}

// stored are the samples after from and until to.
func stored(a Arm, from, to time.Time) Arm {
	within := func(all []Series) []Series {
		var out []Series
		for _, s := range all {
			kept := Series{Labels: s.Labels}
			for _, sample := range s.Samples {
				if sample.Time.After(from) && !sample.Time.After(to) {
					kept.Samples = append(kept.Samples, sample)
				}
			}
			if len(kept.Samples) > 0 {
				out = append(out, kept)
			}
		}
		return out
	}
	return Arm{Exposures: within(a.Exposures), Events: within(a.Events)}
}

func FuzzIntervals(f *testing.F) {
	for seed := range uint64(60) {
		f.Add(seed, uint8(seed*7))
	}
	f.Fuzz(func(t *testing.T, seed uint64, cut uint8) {
		const scrapes = 48
		end := begin.Add((scrapes + 1) * step)

		whole := tell(rand.New(rand.NewPCG(seed, 1)), scrapes, false)
		var sum Counts
		for _, i := range Intervals(whole.canary, whole.stable, Grid{Step: step}, begin, end) {
			for _, arm := range []Counts{i.Canary, i.Stable} {
				sum.Exposures += arm.Exposures
				sum.Events += arm.Events
			}
		}
		require.Equal(t, whole.total, sum, "what was counted in all is the sum of the intervals")

		told := tell(rand.New(rand.NewPCG(seed, 2)), scrapes, true)
		for _, grid := range []Grid{{Step: step}, {Step: step, Shared: true}} {
			read := func(from, to time.Time) []Interval {
				back := from.Add(-grid.Lookback())
				return Intervals(stored(told.canary, back, to), stored(told.stable, back, to), grid, from, to)
			}
			at := begin.Add(time.Duration(cut) % (scrapes + 1) * step)
			require.Equal(t, read(begin, end), append(read(begin, at), read(at, end)...), "a range that is cut gives the same intervals")
		}
	})
}
