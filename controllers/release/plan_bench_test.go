package release_test

import (
	"testing"

	"crossfade.io/crossfade/controllers/release/planner"
)

// BenchmarkPlan is one look at a Release that holds at a step, where nothing is left to do: what every
// event of its namespace costs.
func BenchmarkPlan(b *testing.B) {
	w := newWorld(b, options{})
	w.image("checkout:2")
	w.at("half")
	in := w.input()
	b.ReportAllocs()
	for b.Loop() {
		planner.Plan(in)
	}
}
