package simulation

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// row is a scenario with what is wanted of the strict parameters, and of the shipped ones; 0 is nothing.
type row struct {
	Scenario
	goal, goalShipped float64
}

// falseAlarms are the scenarios in which nothing is wrong with the canary. Goals are shares of runs.
func falseAlarms() []row {
	const hour, most, mostClustered = 60, 0.005, 0.02
	var rows []row
	add := func(name string, goal float64, change func(s *Scenario)) {
		s := Scenario{Name: name, Traffic: STD(), Minutes: hour}
		change(&s)
		rows = append(rows, row{s, goal, goal})
	}
	for _, rate := range []float64{1, 10, 100, 1000} {
		add(fmt.Sprintf("%.0f requests/s", rate), most, func(s *Scenario) { s.Rate = rate })
	}
	add("two incidents that all share", most, func(s *Scenario) { s.Incidents = 2 })
	add("the same, canary scraped 12 s later", most, func(s *Scenario) { s.Incidents, s.Skew = 2, 12 })
	add("the same, stable scraped 12 s later", most, func(s *Scenario) { s.Incidents, s.Skew = 2, -12 })
	add("weights 5, 10, 25, 50 %, errors 0.5 -> 2 %", most, func(s *Scenario) {
		s.Weight = func(t float64) float64 { return []float64{0.05, 0.10, 0.25, 0.50}[min(int(t/900), 3)] }
		s.Base = func(t float64) float64 { return 0.005 + 0.015*t/3600 }
	})
	add("errors in clusters of 5, 6 h of history", mostClustered, func(s *Scenario) { s.Cluster, s.Calibrated = 5, 6 })
	return rows
}

// regressions are the scenarios in which the canary is worse. Goals are medians, in seconds.
func regressions() []row {
	const minutes, late = 120, 1200
	worse := func(name string, ratio, onset, goal, goalShipped float64) row {
		s := Scenario{Name: name, Traffic: STD(), Minutes: minutes, Onset: onset}
		s.Ratio = func(t float64) float64 {
			if t < onset {
				return 1
			}
			return ratio
		}
		return row{s, goal, goalShipped}
	}
	return []row{
		worse(oneToFive, 5, 0, 45, 0),
		worse(oneToTwo, 2, 0, 225, 285),
		worse("1 -> 5 % after 20 min", 5, late, 60, 0),
		worse("1 -> 2 % after 20 min", 2, late, 0, 0),
	}
}

// Names that the last line of the table asks for.
const (
	oneToFive = "1 -> 5 %"
	oneToTwo  = "1 -> 2 %"
)

// Table plays all scenarios, prints what came of them, and counts the goals that were missed.
func Table(out io.Writer, seed uint64, runs int) (missed int) {
	t := &table{out: out, seed: seed, runs: runs, medians: map[string]float64{}}
	t.print("%d runs each, seed %d, a look at every scrape of 15 s; 100 requests/s, 10 %% to the canary, 1 %% errors\n", runs, seed)
	t.print("strict: R0 1.0, no floor; shipped: R0 1.1, floor 0.1 %%; both alpha 0.01, restarts, confirm 2, guard\n")
	t.print("threshold: over 2 %% in a minute, 5 times; z-test: 5 %%, each minute\n\n")
	t.print(head, "canary as good as stable: rolled back in 1 h", "strict", "shipped", "threshold", "z-test", "goal")
	for _, row := range falseAlarms() {
		t.alarms(row)
	}
	t.print("\n"+head, "canary worse: median (90 %) time to rollback, s", "strict", "shipped", "threshold", "z-test", "goal")
	for _, row := range regressions() {
		t.delays(row)
	}
	t.print("\n"+head, "canary as good as stable: median (90 %), s", "strict", "shipped", "", "", "goal")
	t.passes()
	t.print("\n"+head, "latency, shares of slow requests, R0 1.25", "shipped", "", "", "", "goal")
	t.latency()
	t.print("\nfalse rollbacks %.2f %%, 1->5 %% %.0f s, 1->2 %% %.0f s\n", 100*t.worst, t.medians[oneToFive], t.medians[oneToTwo])
	return t.missed
}

const head = "%-46s %13s %13s %13s %13s  %s\n"

type table struct {
	out    io.Writer
	seed   uint64
	runs   int
	missed int
	// worst is the largest share of false alarms, clusters aside; medians are by name.
	worst   float64
	medians map[string]float64
}

func (t *table) print(format string, args ...any) {
	lines := strings.Split(fmt.Sprintf(format, args...), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	fmt.Fprint(t.out, strings.Join(lines, "\n"))
}

func (t *table) alarms(row row) {
	o := row.Run(t.seed, t.runs)
	var cells [methods]string
	for m := range cells {
		cells[m] = share(o.Share(m))
	}
	if row.Cluster == 0 {
		t.worst = math.Max(t.worst, o.Share(strict))
	}
	reached := t.reached(o.Share(strict), row.goal) && t.reached(o.Share(shipped), row.goalShipped)
	t.line(row.Name, cells, fmt.Sprintf("at most %s%s", share(row.goal), but(reached)))
}

func (t *table) delays(row row) {
	o := row.Run(t.seed, t.runs)
	var cells [methods]string
	for m := range cells {
		cells[m] = seconds(o.Delay(m, 0.5)) + " (" + seconds(o.Delay(m, 0.9)) + ")"
		if early := o.Early(m); row.Onset > 0 && early > 0.01 {
			cells[m] += fmt.Sprintf(" %.0f%%!", 100*early)
		}
	}
	t.medians[row.Name] = o.Delay(strict, 0.5)
	goal := ""
	if row.goal > 0 {
		goal = fmt.Sprintf("within %.0f s%s", row.goal, but(t.reached(o.Delay(strict, 0.5), row.goal)))
	}
	if row.goalShipped > 0 {
		goal += fmt.Sprintf(", shipped %.0f s%s", row.goalShipped, but(t.reached(o.Delay(shipped, 0.5), row.goalShipped)))
	}
	t.line(row.Name, cells, goal)
}

// passes has how soon an equal canary passes, and how many do that are exactly as bad as the limit.
func (t *table) passes() {
	const within = 120
	equal := Scenario{Traffic: STD(), Minutes: 240, UntilPass: true}.Run(t.seed, t.runs)
	reached := t.reached(equal.Delay(strict, 0.5), within)
	t.line("shown to be under 2x", [methods]string{
		seconds(equal.Delay(strict, 0.5)) + " (" + seconds(equal.Delay(strict, 0.9)) + ")",
		seconds(equal.Delay(shipped, 0.5)) + " (" + seconds(equal.Delay(shipped, 0.9)) + ")",
	}, fmt.Sprintf("within %d s%s", within, but(reached)))

	bad := Scenario{Traffic: STD(), Minutes: 60, UntilPass: true}
	bad.Ratio = always(2)
	const most = 0.05
	as := bad.Run(t.seed, t.runs)
	t.line("one that is exactly 2x passes in 1 h", [methods]string{share(as.Share(strict)), share(as.Share(shipped))},
		fmt.Sprintf("at most %s%s", share(most), but(t.reached(as.Share(strict), most))))
}

func (t *table) latency() {
	t.slower("all requests x1.5: median (90 %) to rollback, s", 1, 90)
	t.slower("the same, stable took twice as long before", 2, 0)
	t.asFast("as fast as stable: rolled back in 1 h", 1)
	t.asFast("the same, stable took twice as long before", 2)
	t.line("shown to be under 2x: median (90 %), s", [methods]string{late(t.took(Latencies{1, 1}, v1alpha1.VerdictPass))}, "")
	t.line("the same, stable took twice as long before", [methods]string{late(t.took(Latencies{1, 2}, v1alpha1.VerdictPass))}, "")
	t.calm("one that is exactly 2x passes, 5 min calm", 0.05)
}

// slower has how soon a slower canary is found, in this time at most by the goal; 0 has none.
func (t *table) slower(name string, past, within float64) {
	delays, goal := t.took(Latencies{1.5, past}, v1alpha1.VerdictFail), ""
	if within > 0 {
		goal = fmt.Sprintf("within %.0f s%s", within, but(t.reached(delays[len(delays)/2], within)))
	}
	t.line(name, [methods]string{late(delays)}, goal)
}

func (t *table) asFast(name string, past float64) {
	const most = 0.005
	alarms := happened(t.took(Latencies{1, past}, v1alpha1.VerdictFail))
	t.line(name, [methods]string{share(alarms)}, fmt.Sprintf("at most %s%s", share(most), but(t.reached(alarms, most))))
}

// calm has how many pass that are at the limit, of a service that is calm at first and busy later.
func (t *table) calm(name string, most float64) {
	passed := happened(Calm{Seconds: 300, Worse: 2, Rate: 100, Weight: 0.1}.Delays(t.seed, t.runs, v1alpha1.VerdictPass))
	t.line(name, [methods]string{share(passed)}, fmt.Sprintf("at most %s%s", share(most), but(t.reached(passed, most))))
}

// happened is the share of runs in which it did.
func happened(delays []float64) float64 {
	count := 0
	for _, delay := range delays {
		if !math.IsInf(delay, 1) {
			count++
		}
	}
	return float64(count) / float64(len(delays))
}

// took is sorted.
func (t *table) took(of Latencies, verdict v1alpha1.Verdict) []float64 {
	return slices.Sorted(slices.Values(of.Delays(t.seed, t.runs, verdict)))
}

// late is the median of sorted delays, and what 90 % are under.
func late(delays []float64) string {
	return seconds(delays[len(delays)/2]) + " (" + seconds(delays[len(delays)*9/10]) + ")"
}

func (t *table) line(name string, cells [methods]string, goal string) {
	t.print(head, name, cells[strict], cells[shipped], cells[threshold], cells[peeked], goal)
}

// reached counts what missed its goal; 0 is none.
func (t *table) reached(got, goal float64) bool {
	if goal > 0 && got > goal {
		t.missed++
		return false
	}
	return true
}

func but(reached bool) string {
	if reached {
		return ""
	}
	return ", MISSED"
}

func share(part float64) string { return fmt.Sprintf("%.2f %%", 100*part) }

func seconds(s float64) string {
	if math.IsInf(s, 1) {
		return "never"
	}
	return fmt.Sprintf("%.0f", s)
}
