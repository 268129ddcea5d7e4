package analyst

import (
	"fmt"
	"strings"
	"time"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/sequential"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// view is what an outlook is by: a compare, and the traffic that it sees.
type view struct {
	name  string
	ref   *v1alpha1.AnalysisTemplateRef
	asked analysis.Comparison
	// traffic has the least noise that there may be, and noisiest is the most; both are the same where it is known.
	traffic  sequential.Traffic
	noisiest float64
}

// lookOut gives the outlook before the first step, by what stable did lately; the one before stays if no source answered.
func (i *inquiry) lookOut(c course, given map[*metric]map[string][]analysis.Series, now time.Time) {
	var all []view
	answered := false
	for _, m := range i.metrics {
		if m.Compare == nil || m.DryRun || given[m] == nil {
			continue
		}
		answered = true
		if v, known := m.lately(c, given[m], now); known {
			all = append(all, v)
		}
	}
	if answered {
		i.outlook = outlook(c, all)
	}
}

// foresee renews the outlook for the steps after the first, by what was counted since.
func (i *inquiry) foresee(c course) {
	if len(c.ahead()) == 0 {
		i.outlook = ""
	}
	var all []view
	for _, m := range i.metrics {
		if f := m.found; len(c.visits) > 1 && m.Compare != nil && !m.DryRun && f.Used > 0 && f.After() > 0 {
			all = append(all, view{m.name, m.ref, m.compareAsked(), sequential.Traffic{
				Rate: (f.Canary.Exposures + f.Stable.Exposures) / f.After().Seconds(), Base: f.Stable.Events / f.Stable.Exposures, Phi: f.Phi,
			}, f.Phi})
		}
	}
	if len(all) > 0 {
		i.outlook = outlook(c, all)
	}
}

// lately is the view by what stable did in the last minutes; false if it had no requests.
func (m *metric) lately(c course, given map[string][]analysis.Series, now time.Time) (view, bool) {
	stable := m.arm(m.arms.stable, m.arms.stableEvents, given)
	grid := m.gridOf(analysis.Cadence(stable.Exposures))
	from, to := grid.Ceil(now.Add(-m.lag-glance)), grid.Settled(now)
	requests, events, seconds := 0.0, 0.0, 0.0
	for _, interval := range analysis.Intervals(stable, stable, grid, from, to) {
		requests, events = requests+interval.Stable.Exposures, events+interval.Stable.Events
		seconds += interval.End.Sub(interval.Start).Seconds()
	}
	if !(requests > 0) || !(seconds > 0) {
		return view{}, false
	}
	least, most := m.noise(c), m.noise(c)
	if least == 0 { // found in the past, or learnt from there, once the first step has begun
		least, most = 1, sequential.NewNoise().Phi()
	}
	return view{m.name, m.ref, m.compareAsked(), sequential.Traffic{Rate: requests / seconds, Base: events / requests, Phi: least}, most}, true
}

// outlook is how long evidence takes from the present step on, by the compare that takes longest: to pass, each must.
func outlook(c course, all []view) string {
	said, longest := "", time.Duration(-1)
	for _, v := range all {
		if text, takes := v.outlook(c); text != "" && takes > longest {
			said, longest = text, takes
		}
	}
	return said
}

// outlook names the first weights to come, and one beyond the last that would take half of its time, if there is such. It returns
// how long the first one takes at most.
func (v view) outlook(c course) (said string, longest time.Duration) {
	const mostWeights, half = 3, 500_000
	var weights []string
	last := int32(0)
	for _, step := range c.ahead() {
		share := c.share(step.Name)
		if share <= last || share >= 1_000_000 || !c.asks(v.ref, step.Name) {
			continue
		}
		if last = share; len(weights) < mostWeights {
			weights = append(weights, v.span(share)+" at "+percent(share))
		}
		if len(weights) == 1 {
			longest = v.takes(share, v.noisiest)
		}
	}
	if len(weights) == 0 {
		return "", 0
	}
	for share := int32(half / 5); share <= half; share += half / 5 {
		is, own := v.takes(share, v.traffic.Phi), v.takes(last, v.traffic.Phi)
		if share > last && (2*is <= own || is < own && own == beyond) {
			weights = append(weights, percent(share)+" would take "+v.span(share))
			break
		}
	}
	by := ""
	if v.noisiest > v.traffic.Phi {
		by = ", depending on noise,"
	}
	return fmt.Sprintf("evidence on %s takes%s %s", v.name, by, strings.Join(weights, "; ")), longest
}

// beyond is what takes more than a day.
const beyond = 25 * time.Hour

// takes is how long evidence takes at a share, in parts per million, and a noise.
func (v view) takes(share int32, noise float64) time.Duration {
	v.traffic.Weight, v.traffic.Phi = float64(share)/1e6, noise
	if d := v.asked.Outlook(v.traffic); d > 0 {
		return d
	}
	return beyond
}

// span says how long that is, from the least noise to the most.
func (v view) span(share int32) string {
	said := func(d time.Duration) string {
		if d == beyond {
			return "more than a day"
		}
		return shortly(d)
	}
	least, most := said(v.takes(share, v.traffic.Phi)), said(v.takes(share, v.noisiest))
	switch {
	case least != most:
		return least + " to " + most
	case least == said(beyond):
		return least
	default:
		return "about " + least
	}
}

func percent(share int32) string { return fmt.Sprintf("%g%%", float64(share)/1e4) }

// shortly writes a time as people say it.
func shortly(d time.Duration) string {
	switch {
	case d < 5*time.Minute:
		d = max(d.Round(10*time.Second), 10*time.Second)
	case d < time.Hour:
		d = d.Round(time.Minute)
	default:
		d = d.Round(10 * time.Minute)
	}
	text := d.String()
	if short, whole := strings.CutSuffix(text, "m0s"); whole {
		text = short + "m"
	}
	if short, whole := strings.CutSuffix(text, "h0m"); whole {
		text = short + "h"
	}
	return text
}
