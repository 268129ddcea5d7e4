// Command routes prints docs/providers.md: what each kind of route can do, by its own word.
package main

import (
	"fmt"
	"os"
	"strings"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/providers"
)

const head = `<!-- Rendered from trafficrouting/providers; do not edit. -->
# Kinds of route
What a route can carry is asked before a Release may start: a step that needs more leaves the Rollout ` + "`Stalled`" + ` with
` + "`RouteUnsupported`" + `, the step and the reason. Several routes of several kinds may stand in ` + "`spec.routeRefs`" + `; they are shifted
together.

`

const foot = `
**Match** is what a step's ` + "`match`" + ` may name; each may go with a weight. A cookie is matched by a regular expression on its
header. Whether a gateway follows regular expressions, methods, query parameters and weights of connections is its own
matter (they are extended or implementation-specific in Gateway API), and its status doesn't tell.

**Shares** are exact: weights are multiplied until each is whole. Where a route shares connections, one that is open
stays where it is until it ends, so the measured share follows slowly; set ` + "`timing.drain`" + ` to how long they last.

**Evidence** is what Crossfade waits for before it acts on a change, then it waits for ` + "`timing.settle`" + `.
`

func main() {
	var out strings.Builder
	out.WriteString(head)
	out.WriteString("| Kind | Group | Shares | Smallest share | Match | Evidence | Shown on |\n|---|---|---|---|---|---|---|\n")
	for _, listed := range providers.List() {
		can := listed.Provider.Capabilities(trafficrouting.Objects{})
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | every parent's `Accepted` and `ResolvedRefs` at the route's generation | %s |\n",
			listed.Kind.Kind, listed.Kind.Group, listed.Shares, trafficrouting.Percent(can.Granularity), matches(can), listed.Shown)
	}
	out.WriteString(foot)
	if _, err := os.Stdout.WriteString(out.String()); err != nil {
		os.Exit(1)
	}
}

// matches lists what a match may name.
func matches(can trafficrouting.Capabilities) string {
	var names []string
	for _, able := range []struct {
		can  bool
		name string
	}{
		{can.HeaderExact, "header"},
		{can.HeaderRegex, "header by regex"},
		{can.Cookie, "cookie"},
		{can.QueryExact, "query parameter"},
		{can.QueryRegex, "query parameter by regex"},
		{can.Method, "HTTP method"},
	} {
		if able.can {
			names = append(names, able.name)
		}
	}
	if len(names) == 0 {
		return "–"
	}
	return strings.Join(names, ", ")
}
