package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/load"
)

// nameWidth makes all names as wide as the widest, so that they are aligned left beside numbers that are aligned right.
const nameWidth = len("v3, going back")

// phase is a part of the demo, by name.
type phase struct {
	name        string
	from, until time.Time
}

// table shows all requests by step and version. A request belongs to the phase in which it was sent.
func table(records load.Records, releases []v1alpha1.Release) string {
	var text bytes.Buffer
	columns := tabwriter.NewWriter(&text, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintf(columns, "%-*s\tversion\trequests\tfailed\tp50 ms\tp95 ms\t\n", nameWidth, "release, step")
	for _, p := range phases(releases, lastSent(records)) {
		answers := byVersion(records.Between(p.from, p.until))
		for i, version := range versionsOf(answers) {
			name := p.name
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(columns, "%-*s\t", nameWidth, name)
			row(columns, version, answers[version])
		}
	}
	columns.Flush()
	return text.String()
}

func row(out io.Writer, version string, records load.Records) {
	latency := records.Latency()
	fmt.Fprintf(out, "%s\t%d\t%d\t%.1f\t%.1f\t\n", cmp.Or(version, "(none)"), len(records), len(records.Failed()), latency.P50, latency.P95)
}

func byVersion(records load.Records) map[string]load.Records {
	answers := map[string]load.Records{}
	for _, record := range records {
		answers[record.Version] = append(answers[record.Version], record)
	}
	return answers
}

func versionsOf(answers map[string]load.Records) []string { return slices.Sorted(maps.Keys(answers)) }

// lastSent is an instant after which no request was sent.
func lastSent(records load.Records) time.Time {
	last := time.Time{}
	for _, record := range records {
		if record.Sent().After(last) {
			last = record.Sent()
		}
	}
	return last.Add(time.Nanosecond)
}

// phases cut the time up to end into the steps of the releases and what is between them, without gaps.
func phases(releases []v1alpha1.Release, end time.Time) []phase {
	slices.SortFunc(releases, func(a, b v1alpha1.Release) int { return cmp.Compare(a.Spec.Number, b.Spec.Number) })
	cut := []phase{{name: "before"}}
	enter := func(name string, at time.Time) {
		cut[len(cut)-1].until = at
		cut = append(cut, phase{name: name, from: at})
	}
	for _, release := range releases {
		// Versions count from 2 here: the first release is that of v2.
		version := fmt.Sprintf("v%d", release.Spec.Number+1)
		for _, step := range release.Status.Steps {
			enter(version+", "+step.Name, step.EnteredAt.Time)
			if step.EndedAt != nil {
				enter(version+", "+wayOut(release), step.EndedAt.Time)
			}
		}
		if release.Status.EndedAt != nil {
			enter("after "+version, release.Status.EndedAt.Time)
		}
	}
	cut[len(cut)-1].until = end
	return cut
}

// wayOut names what comes after the steps.
func wayOut(release v1alpha1.Release) string {
	if release.Status.Progress.Cause != "" {
		return "going back"
	}
	return "promoting"
}
