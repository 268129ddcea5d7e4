package calibration

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// Asked is what is to be told.
type Asked struct {
	// Weights of a canary, parts of 1.
	Weights []float64
	// Comparison is how it is judged; its Phi is of no account.
	Comparison analysis.Comparison
}

// Report is what came of it.
type Report struct {
	// Past is what was replayed.
	Past Past
	// Floor and Alpha are those of the comparison.
	Floor, Alpha float64
	// Noise is how many times noisier than independent requests the service is, in tenths; Known is false if there is too little to tell.
	Noise float64
	Known bool
	// Rows are by weight.
	Rows []Row
}

// Row is what came of one weight.
type Row struct {
	Weight float64
	// Pods stand for the canary, in each of so many windows.
	Pods, Windows int
	// Learnt is with noise that is learnt on the way, Set with that of the Report.
	Learnt, Set Outcome
}

// Outcome is of one way to judge.
type Outcome struct {
	// Alarms are the windows in which a canary that is no worse failed.
	Alarms int
	// Doubling is the median time until one with twice the errors fails; 0 if half of them don't.
	Doubling time.Duration
}

const (
	// release is how long one lasts.
	release = time.Hour
	// mostGroups bounds the work.
	mostGroups = 12
)

// Replay tells how a service's own past would have been judged. Equal pasts make equal reports.
func Replay(past Past, asked Asked) Report {
	r := Report{Past: past, Floor: asked.Comparison.Floor, Alpha: asked.Comparison.Alpha, Noise: 1}
	histories := make([][]history, len(asked.Weights))
	for i, weight := range asked.Weights {
		size := min(max(int(math.Round(weight*float64(len(past.Pods)))), 1), len(past.Pods)-1)
		r.Rows = append(r.Rows, Row{Weight: weight, Pods: size})
		histories[i] = past.histories(size, weight)
	}
	if phi, known := past.noise(); known {
		const tenths = 10
		r.Noise, r.Known = math.Max(r.Noise, math.Ceil(phi*tenths)/tenths), true
	}
	for i := range r.Rows {
		r.Rows[i].judge(histories[i], asked.Comparison, r.Noise)
	}
	return r
}

// noise is that of single pods with all of their requests: leaving some out would take clusters apart, and they come whole.
func (p Past) noise() (phi float64, known bool) {
	var all [][]analysis.Interval
	for _, group := range p.groups(1, mostGroups) {
		all = append(all, p.against(group))
	}
	return analysis.Calibrate(all...)
}

// history is that of one group of pods: as it was, and with twice the errors.
type history struct {
	same, doubled []analysis.Interval
}

// histories are those of groups of that size, with that share of the requests.
func (p Past) histories(size int, weight float64) []history {
	var all []history
	for _, group := range p.groups(size, mostGroups) {
		source := rand.NewPCG(1, uint64(group[0]))
		same := p.against(group)
		reweigh(same, weight, source)
		all = append(all, history{same: same, doubled: doubled(same, rand.New(source))})
	}
	return all
}

// reweigh leaves out some of the requests of the arm that has too many, so that the canary has this share.
func reweigh(history []analysis.Interval, weight float64, source rand.Source) {
	var canary, stable float64
	for _, i := range history {
		canary, stable = canary+i.Canary.Exposures, stable+i.Stable.Exposures
	}
	if canary == 0 || stable == 0 {
		return
	}
	keep := weight / (1 - weight) * stable / canary
	const million = 1e6
	for k := range history {
		history[k].Weight = int32(weight * million)
		if keep < 1 {
			history[k].Canary = thin(history[k].Canary, keep, source)
		} else {
			history[k].Stable = thin(history[k].Stable, 1/keep, source)
		}
	}
}

// thin keeps about so many of the requests, each with the same chance.
func thin(c analysis.Counts, keep float64, source rand.Source) analysis.Counts {
	if keep >= 1 {
		return c
	}
	return analysis.Counts{Exposures: math.Round(c.Exposures * keep), Events: distuv.Binomial{N: math.Round(c.Events), P: keep, Src: source}.Rand()}
}

// doubled adds to the canary's errors as many as it has at another time, which are as clustered and don't come with the first.
func doubled(history []analysis.Interval, random *rand.Rand) []analysis.Interval {
	out := slices.Clone(history)
	for k := range out {
		canary, other := &out[k].Canary, history[(k+len(history)/2)%len(history)].Canary
		if other.Exposures > 0 {
			more := other.Events * canary.Exposures / other.Exposures
			canary.Events = math.Min(canary.Events+math.Floor(more+random.Float64()), canary.Exposures)
		}
	}
	return out
}

// judge fills the row in, side by side.
func (r *Row) judge(histories []history, comparison analysis.Comparison, noise float64) {
	type told struct {
		windows int
		alarms  [2]int
		delays  [2][]float64
	}
	all := make([]told, len(histories))
	var workers sync.WaitGroup
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for g, h := range histories {
		free <- struct{}{}
		workers.Go(func() {
			defer func() { <-free }()
			same, doubled := windows(h.same), windows(h.doubled)
			all[g].windows = len(same)
			for way, phi := range []float64{0, noise} {
				comparison := comparison
				comparison.Phi = phi
				for i := range same {
					if !math.IsInf(delay(comparison, same[i]), 1) {
						all[g].alarms[way]++
					}
					all[g].delays[way] = append(all[g].delays[way], delay(comparison, doubled[i]))
				}
			}
		})
	}
	workers.Wait()
	var delays [2][]float64
	for _, one := range all {
		r.Windows += one.windows
		r.Learnt.Alarms += one.alarms[0]
		r.Set.Alarms += one.alarms[1]
		for way := range delays {
			delays[way] = append(delays[way], one.delays[way]...)
		}
	}
	r.Learnt.Doubling, r.Set.Doubling = median(delays[0]), median(delays[1])
}

// windows cuts a history; those of which less than half is known are left out.
func windows(history []analysis.Interval) [][]analysis.Interval {
	var all [][]analysis.Interval
	for len(history) > 0 {
		end := history[0].Start.Add(release)
		count := 0
		for count < len(history) && !history[count].End.After(end) {
			count++
		}
		if count == 0 {
			break // an interval is longer than a window
		}
		const half = 2
		if window := history[:count]; time.Duration(count)*window[0].End.Sub(window[0].Start) >= release/half {
			all = append(all, window)
		}
		history = history[count:]
	}
	return all
}

// delay is the time until it fails, in seconds; +Inf if it doesn't.
func delay(comparison analysis.Comparison, window []analysis.Interval) float64 {
	judge := analysis.NewCompare(comparison)
	for _, i := range window {
		judge.Add(i)
		if judge.Verdict() == v1alpha1.VerdictFail {
			return i.End.Sub(window[0].Start).Seconds()
		}
	}
	return math.Inf(1)
}

func median(delays []float64) time.Duration {
	if len(delays) == 0 {
		return 0
	}
	slices.Sort(delays)
	if middle := delays[len(delays)/2]; !math.IsInf(middle, 1) {
		return time.Duration(middle * float64(time.Second))
	}
	return 0
}
