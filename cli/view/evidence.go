package view

import (
	"fmt"
	"path"
	"strings"
	"time"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/reading"
)

// pods draws both revisions, and the pods that cannot become ready.
func (d drawing) pods() []node {
	var rows []node
	for _, r := range []struct {
		word     string
		revision *v1alpha1.RevisionStatus
	}{{"stable", d.Release.Status.Stable}, {"canary", d.Release.Status.Canary}} {
		if r.revision != nil {
			rows = append(rows, d.revision(r.word, r.revision))
		}
	}
	return rows
}

func (d drawing) revision(word string, r *v1alpha1.RevisionStatus) node {
	hash := r.Revision
	if hash == "" {
		hash = "(not made)"
	}
	t := good
	if r.Ready < r.Replicas {
		t = waits
	}
	ready := fmt.Sprintf("%d/%d ready", r.Ready, r.Replicas)
	switch {
	case r.Replicas == 0 && r.Ready == 0:
		t, ready = quiet, "no pods"
	case r.Replicas == 0:
		t, ready = quiet, fmt.Sprintf("%d going", r.Ready)
	}
	n := node{lead: word + " " + pad(hash, 10) + "  " + d.paint.in(t, pad(ready, 9)) + "  ", text: images(r)}
	for _, failing := range r.Failing {
		n.rows = append(n.rows, node{lead: d.paint.in(bad, "  ✗ "), text: failing})
	}
	return n
}

// change says in one line each which version was to follow which.
func (d drawing) change() []node {
	var rows []node
	status := d.Release.Status
	if status.Stable != nil {
		rows = append(rows, node{lead: d.paint.faint("from  "), text: status.Stable.Revision + "  " + images(status.Stable)})
	}
	if status.Canary != nil {
		to := node{lead: d.paint.faint("to    "), text: status.Canary.Revision + "  " + images(status.Canary)}
		for _, failing := range status.Canary.Failing {
			to.rows = append(to.rows, node{lead: d.paint.in(bad, "      ✗ "), text: failing})
		}
		rows = append(rows, to)
	}
	return rows
}

// routes draws each route's split, as in effect and as asked.
func (d drawing) routes() []node {
	var names []string
	for _, r := range d.Release.Status.Routes {
		names = append(names, r.Kind+" "+path.Join(r.Namespace, r.Name))
	}
	width := min(widest(names), 30)
	rows := make([]node, 0, len(names))
	for i, r := range d.Release.Status.Routes {
		n := node{lead: pad(names[i], width) + "  ", text: d.route(r)}
		if r.Message != "" {
			n.rows = append(n.rows, node{lead: "  ", text: r.Message})
		}
		rows = append(rows, n)
	}
	return rows
}

func (d drawing) route(r v1alpha1.RouteStatus) string {
	asked, matches, _ := strings.Cut(r.Asked, " ")
	t, said := good, []string{"as asked"}
	if r.InEffect != asked {
		t, said = waits, []string{"asked " + r.Asked}
	} else if matches != "" {
		said = []string{matches}
	}
	if r.Evidence != "" {
		said = append(said, strings.ToLower(r.Evidence))
	}
	share, known := shareOf(r.InEffect)
	shown := r.InEffect
	if !known {
		shown = "?"
	}
	return d.paint.bar(t, share, 12) + " " + d.paint.bold(pad(shown, 4)) + "  " + strings.Join(said, ", ")
}

// decisions draws the latest decisions, oldest first.
func (d drawing) decisions(most int) []node {
	all := d.Release.Status.Decisions
	all = all[max(len(all)-most, 0):]
	var rules []string
	for _, decision := range all {
		rules = append(rules, decision.Rule)
	}
	width := widest(rules)
	rows := make([]node, 0, len(all))
	for _, decision := range all {
		rows = append(rows, node{
			lead: d.paint.faint(d.moment(decision.At.Time)) + "  " + pad(decision.Rule, width) + "  ",
			text: decision.Message,
		})
	}
	return rows
}

// moment is a time of day, of another day its date as well.
func (d drawing) moment(at time.Time) string {
	at = at.In(d.now.Location())
	if at.YearDay() != d.now.YearDay() || at.Year() != d.now.Year() {
		return at.Format("Jan _2 15:04")
	}
	return at.Format(time.TimeOnly)
}

// pausedFor says how long a person's pause lasts; empty if that isn't known.
func (d drawing) pausedFor() string {
	if since := d.Release.Status.Progress.PausedSince; since != nil {
		return " for " + reading.Span(d.now.Sub(since.Time))
	}
	return ""
}
