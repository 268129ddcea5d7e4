package load

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// ErrRate is wrapped by the error of a run that did not send rate × time requests, within 1 %: it proves nothing.
var ErrRate = errors.New("rate not kept")

// rateTolerance is the part of rate × time by which the number sent may differ, 0–1.
const rateTolerance = 0.01

// Report sums up a run.
type Report struct {
	Start time.Time `json:"start"`
	// Seconds is how long requests were scheduled; the wait for the last answers is not in it.
	Seconds float64 `json:"seconds"`
	// Scheduled = Sent + unsent. Failed counts all failed requests, unsent ones included.
	Scheduled int            `json:"scheduled"`
	Sent      int            `json:"sent"`
	Failed    int            `json:"failed"`
	Targets   []TargetReport `json:"targets"`
	// Examples are the first three failures of each fault and target, oldest first.
	Examples []Example `json:"examples,omitempty"`
}

// TargetReport sums up the requests to one target.
type TargetReport struct {
	Target string `json:"target"`
	// Rate is the one asked for, requests per second.
	Rate      float64 `json:"rate"`
	Scheduled int     `json:"scheduled"`
	Sent      int     `json:"sent"`
	Failed    int     `json:"failed"`
	// Statuses counts the sent requests by status, as in Record: 0 stands for no answer.
	Statuses map[int]int `json:"statuses"`
	// Faults counts the failed requests.
	Faults map[Fault]int `json:"faults,omitempty"`
	// Latency is of the answered requests, from their scheduled instants.
	Latency Latency `json:"latency"`
	// Lag is how late the answered requests were sent: what the generator itself adds to Latency.
	Lag      Latency         `json:"lag"`
	Versions []VersionReport `json:"versions"`
}

// VersionReport sums up the answers of one version, sorted by its name; the empty name is that of answers without.
type VersionReport struct {
	Version string `json:"version"`
	Count   int    `json:"count"`
	// Share is the part of the answers naming a version, and StandardError its binomial one; both 0–1.
	Share         float64 `json:"share"`
	StandardError float64 `json:"standardError"`
	Latency       Latency `json:"latency"`
}

func summarize(targets []Target, start time.Time, lasted time.Duration, records Records) Report {
	report := Report{Start: start.Round(0), Seconds: lasted.Seconds()}
	for _, target := range targets {
		part := summarizeTarget(target, records.Of(target.Name))
		report.Targets = append(report.Targets, part)
		report.Scheduled += part.Scheduled
		report.Sent += part.Sent
		report.Failed += part.Failed
	}
	return report
}

func summarizeTarget(target Target, records Records) TargetReport {
	faults := records.Faults()
	report := TargetReport{
		Target: target.Name, Rate: target.Rate,
		Scheduled: len(records), Sent: len(records) - faults[FaultUnsent], Failed: len(records.Failed()),
		Statuses: records.Statuses(), Faults: faults, Latency: records.Latency(), Lag: records.lag(),
	}
	byVersion := map[string]Records{}
	for _, record := range records {
		if record.Status != 0 {
			byVersion[record.Version] = append(byVersion[record.Version], record)
		}
	}
	for _, version := range slices.Sorted(maps.Keys(byVersion)) {
		share := Share{}
		if version != "" {
			share = records.Share(version)
		}
		report.Versions = append(report.Versions, VersionReport{
			Version: version, Count: len(byVersion[version]),
			Share: share.Ratio(), StandardError: share.StandardError(), Latency: byVersion[version].Latency(),
		})
	}
	return report
}

// checkRate compares what was sent with rate × time; runs too short for 1 % to be a request may be one off.
func (r Report) checkRate() error {
	for _, target := range r.Targets {
		due := target.Rate * r.Seconds
		if math.Abs(float64(target.Sent)-due) > max(1, rateTolerance*due) {
			return fmt.Errorf("target %q: %w: sent %d requests, but %g/s for %.3g s are %.0f: lower the rate or raise maxInFlight",
				target.Target, ErrRate, target.Sent, target.Rate, r.Seconds, due)
		}
	}
	return nil
}

// String gives the report as tables for people.
func (r Report) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d scheduled, %d sent, %d failed in %.1f s\n\n", r.Scheduled, r.Sent, r.Failed, r.Seconds)
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TARGET\tVERSION\tCOUNT\tSHARE\tP50 ms\tP90 ms\tP95 ms\tP99 ms\tMAX ms")
	for _, target := range r.Targets {
		writeRow(table, target.Target, "(all)", target.Sent, "", target.Latency)
		for _, version := range target.Versions {
			share := fmt.Sprintf("%.2f %% ± %.2f %%", 100*version.Share, 100*version.StandardError)
			writeRow(table, "", cmp.Or(version.Version, "(none)"), version.Count, share, version.Latency)
		}
		writeRow(table, "", "(sent late by)", target.Sent, "", target.Lag)
	}
	table.Flush()
	text.WriteString("\n")
	fmt.Fprintln(table, "TARGET\tRATE /s\tSENT\tFAILED\tSTATUSES\tFAULTS")
	for _, target := range r.Targets {
		fmt.Fprintf(table, "%s\t%g\t%d\t%d\t%s\t%s\n", target.Target, target.Rate, target.Sent, target.Failed,
			counts(target.Statuses), counts(target.Faults))
	}
	table.Flush()
	for _, example := range r.Examples {
		fmt.Fprintf(&text, "\n%s %s %s: %s: %s", example.Scheduled.Format("15:04:05.000"), example.Target,
			example.Method, example.Fault, example.Detail)
	}
	return strings.TrimRight(text.String(), "\n") + "\n"
}

func writeRow(table *tabwriter.Writer, target, version string, count int, share string, l Latency) {
	fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\n", target, version, count, share,
		l.P50, l.P90, l.P95, l.P99, l.Max)
}

func counts[K cmp.Ordered](byKey map[K]int) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		parts = append(parts, fmt.Sprintf("%v: %d", key, byKey[key]))
	}
	return cmp.Or(strings.Join(parts, ", "), "-")
}
