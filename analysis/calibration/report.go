package calibration

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Write prints the report: what was replayed, a table by weight, and one sentence of advice.
func (r Report) Write(out io.Writer) error {
	sum, length := r.Past.Sum(), r.Past.Length()
	var text strings.Builder
	fmt.Fprintf(&text, "Replayed %s of %d pods, scraped each %s: %.3g requests a second, %s errors.\n", short(length.Round(time.Minute)), len(r.Past.Pods), r.Past.Step,
		sum.Exposures/length.Seconds(), percent(rate(sum.Events, sum.Exposures)))
	if r.Known {
		fmt.Fprintf(&text, "Noise is %g: how many times more than by independent requests errors differ from pod to pod.\n", r.Noise)
	}
	text.WriteString("\n")
	table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	fmt.Fprintf(table, "WEIGHT\tPODS\tHOURS\tFALSE ALARMS\tWITH noise: %[1]g\tDOUBLING FOUND IN\tWITH noise: %[1]g\n", r.Noise)
	for _, row := range r.Rows {
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%s\t%s\t%s\n", percent(row.Weight), row.Pods, row.Windows,
			row.alarms(row.Learnt), row.alarms(row.Set), found(row.Learnt.Doubling), found(row.Set.Doubling))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(&text, "\n%s\n", r.Advice())
	_, err := io.WriteString(out, text.String())
	return err
}

// Advice is what to set, in one sentence.
func (r Report) Advice() string {
	sum, set := r.Past.Sum(), r.total(func(row Row) int { return row.Set.Alarms })
	odd, times := r.Past.Odd()
	windows := r.total(func(row Row) int { return row.Windows })
	switch {
	case windows == 0:
		return "Too little is known to replay a release of an hour: look further back."
	case len(r.Past.Unmatched) > 0:
		return fmt.Sprintf("See first whether %q is right: it matches nothing, so that there were no errors, or they have another name.", r.Past.Unmatched)
	case 2*rate(sum.Events, sum.Exposures) <= r.Floor:
		return fmt.Sprintf("Leave noise out, and think of floor instead: twice these errors are still under %s, up to which no canary fails.", percent(r.Floor))
	case odd != "":
		return fmt.Sprintf("Find out first why %s has %.1f times the errors of other pods: a canary that differs as much would fail, rightly.", odd, times)
	case !r.Known:
		return "Leave noise out, so that it is learnt in each release: there were too few errors to tell it."
	case set > 1 && float64(set) > 2*r.Alpha*float64(windows):
		return fmt.Sprintf("Don't trust it yet: even with noise: %g there were false alarms in %s; find out why pods differ, or set a higher margin.",
			r.Noise, hours(set, windows))
	}
	text := fmt.Sprintf("Set noise: %g, with which there were false alarms in %s", r.Noise, hours(set, windows))
	if set == 0 {
		text = fmt.Sprintf("Set noise: %g, with which there was no false alarm in %d hours", r.Noise, windows)
	}
	for _, row := range r.Rows {
		if row.Set.Doubling > 0 {
			return text + fmt.Sprintf("; the least weight at which a doubling of errors is found within the hour is %s, in %s.", percent(row.Weight), short(row.Set.Doubling))
		}
	}
	return text + "; at none of these weights a doubling of errors is found within the hour, so let steps last longer, or give the canary more."
}

func (r Report) total(of func(Row) int) int {
	sum := 0
	for _, row := range r.Rows {
		sum += of(row)
	}
	return sum
}

func (row Row) alarms(o Outcome) string {
	if row.Windows == 0 {
		return "?"
	}
	return fmt.Sprintf("%d (%s)", o.Alarms, percent(rate(float64(o.Alarms), float64(row.Windows))))
}

func found(after time.Duration) string {
	if after == 0 {
		return "not in the hour"
	}
	return short(after)
}

func hours(count, of int) string { return fmt.Sprintf("%d of %d hours", count, of) }

func rate(events, exposures float64) float64 {
	if exposures == 0 {
		return 0
	}
	return events / exposures
}

func percent(rate float64) string { return fmt.Sprintf("%.3g%%", 100*rate) }

// short writes a time without units that are 0.
func short(d time.Duration) string {
	text := d.Round(time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
