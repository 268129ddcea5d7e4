package view

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/reading"
)

// Analysis draws the evidence on a Release. It ends with a line break.
func Analysis(rel *v1alpha1.Release, now time.Time, s Screen) string {
	d := evidence{drawing{Model: Model{Release: rel}, now: now, paint: newPaint(s.Color), context: s.Context}, s.columns()}
	return d.paint.draw(d.head(), s.columns())
}

// evidence is one frame of it in the making.
type evidence struct {
	drawing
	columns int
}

// toneBy is the colour of a verdict.
var toneBy = map[v1alpha1.Verdict]tone{
	v1alpha1.VerdictPass: good, v1alpha1.VerdictFail: bad, v1alpha1.VerdictInconclusive: busy, v1alpha1.VerdictNoData: waits,
}

// saidBy is a verdict in words, with its mark.
var saidBy = map[v1alpha1.Verdict]string{
	v1alpha1.VerdictPass: "✓ Pass", v1alpha1.VerdictFail: "✗ Fail", v1alpha1.VerdictInconclusive: "● Inconclusive", v1alpha1.VerdictNoData: "? No data",
}

func (d evidence) verdict(v v1alpha1.Verdict) string { return d.paint.in(toneBy[v], saidBy[v]) }

func (d evidence) head() node {
	rel := d.Release
	head := node{lead: d.paint.bold("Release "+rel.Namespace+"/"+rel.Name) + d.paint.faint(" · "), text: d.place()}
	if why := reading.Unjudged(rel); why != "" {
		head.rows = append(head.rows, node{text: sentence(why)})
	}
	if test := reading.TestOf(rel, d.now); test != nil && test.Metric == nil {
		head.rows = append(head.rows, d.test(test))
	}
	a := rel.Status.Analysis
	if a == nil {
		return head
	}
	head.right = d.verdict(a.Verdict)
	if len(a.Metrics) > 0 {
		head.rows = append(head.rows, node{text: sentence(a.Message)})
	}
	if a.Outlook != "" && !reading.Ended(rel) {
		head.rows = append(head.rows, node{lead: d.paint.faint("Outlook: "), text: sentence(a.Outlook)})
	}
	head.rows = append(head.rows, node{text: d.paint.faint("Written down " + reading.Span(d.now.Sub(a.At.Time)) + " ago.")})
	for _, m := range a.Metrics {
		head.kids = append(head.kids, d.metric(m))
	}
	return head
}

// place is where the Release is, and what the canary gets.
func (d evidence) place() string {
	rel := d.Release
	if reading.Ended(rel) {
		return d.paint.in(toneOf(rel.Status.Outcome), string(rel.Status.Outcome))
	}
	step := ""
	if rel.Status.StepName != "" {
		step = "step " + rel.Status.StepName
	}
	share := cmp.Or(rel.Status.Weight, "0%")
	if a := rel.Status.Analysis; a != nil && a.Share != "" {
		share += ", measured " + a.Share
	}
	return joined(step, d.paint.bold(share))
}

// metric draws what is known of one.
func (d evidence) metric(m v1alpha1.MetricStatus) node {
	m.Kind = reading.Kind(d.Release, m)
	kind := m.Kind
	if m.DryRun {
		kind += " · dry run, decides nothing"
	}
	n := node{lead: d.paint.bold(m.Name) + d.paint.faint(" · "), text: d.paint.faint(kind), right: d.outcome(m)}
	n.rows = append(n.rows, node{text: sentence(m.Reason)})
	if test := reading.TestOf(d.Release, d.now); test != nil && test.Goal == m.Name {
		n.rows = append(n.rows, d.test(test))
	}
	points, err := reading.Series(m)
	if err != nil {
		points = nil
		n.rows = append(n.rows, node{text: sentence(err.Error())})
	}
	n.rows = append(n.rows, d.bars(m)...)
	if len(points) > 1 {
		n.rows = append(n.rows, d.plots(m, points)...)
	}
	n.rows = append(n.rows, d.verdicts(m)...)
	return n
}

// bars draw the evidence against its limits.
func (d evidence) bars(m v1alpha1.MetricStatus) []node {
	words := [2]string{"worse", "good"}
	if m.Kind == "Split" {
		words[0] = "split off"
	}
	var rows []node
	for i, b := range []struct {
		is, limit, verb string
		tone            tone
	}{{m.Worse, m.FailsAt, "fail", bad}, {m.Safe, m.PassesAt, "pass", good}} {
		is, limit := reading.Number(b.is), reading.Number(b.limit)
		if math.IsNaN(is) || !(limit > 0) {
			continue
		}
		rows = append(rows, node{
			lead: pad(words[i], len("split off")) + "  " + d.paint.bar(b.tone, is/limit, 16) + "│ ",
			text: fmt.Sprintf("evidence %s, %.0f is enough to %s", reading.Odds(is), math.Exp(limit), b.verb),
		})
	}
	return rows
}

// plots draw the ratio or difference with its band where there is one, and both arms.
func (d evidence) plots(m v1alpha1.MetricStatus, points reading.Points) []node {
	p := plot{columns: d.columns - 3, points: points, entries: reading.Entries(d.Release), paint: d.paint}
	var rows []node
	add := func(title string, lines []string) {
		rows = append(rows, node{}, node{text: title})
		for _, line := range lines {
			rows = append(rows, node{lead: line})
		}
	}
	const band = " · ░ 95 % band that holds at all looks"
	switch {
	case !points.Banded():
	case reading.IsGoal(m.Kind):
		add(differenceBy[m.Kind]+d.paint.faint(band), p.difference(m.Kind, toneBy[m.Verdict]))
	default:
		add("how many times "+reading.RatioTo(m.Kind)+d.paint.faint(band), p.ratio(toneBy[m.Verdict]))
	}
	canary, stable := points.Last(canaryOf), points.Last(stableOf)
	if math.IsNaN(canary) {
		return rows
	}
	value, first, second := reading.ArmWords(m.Kind)
	title := value + d.paint.faint(" · ⠤⠤ "+first+" ") + d.paint.bold(reading.Amount(m.Kind, canary))
	if !math.IsNaN(stable) && second != "" {
		title += d.paint.faint(" · ") + d.paint.in(busy, "⠄⠄") + d.paint.faint(" "+second+" ") + d.paint.in(busy, reading.Amount(m.Kind, stable))
	}
	add(title, p.arms(m.Kind))
	return rows
}

func canaryOf(p reading.Point) float64 { return p.Canary }
func stableOf(p reading.Point) float64 { return p.Stable }

// verdicts list how the verdict came to be, if it was another one before.
func (d evidence) verdicts(m v1alpha1.MetricStatus) []node {
	if len(m.Verdicts) < 2 {
		return nil
	}
	rows := []node{{}}
	for _, v := range m.Verdicts {
		rows = append(rows, node{
			lead: d.paint.faint(d.moment(v.At.Time)) + "  " + d.paint.in(toneBy[v.Verdict], pad(said(m.Kind, v.Verdict), 14)) + "  ",
			text: v.Reason,
		})
	}
	return rows
}
