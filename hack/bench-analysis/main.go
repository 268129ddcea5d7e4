// Command bench-analysis measures how the judges of analysis decide on made-up traffic, and fails if they miss what is promised in
// docs/judges.md: make bench-analysis.
package main

import (
	"flag"
	"fmt"
	"os"

	"crossfade.io/crossfade/analysis/simulation"
)

func main() {
	runs := flag.Int("runs", 10000, "runs of each scenario")
	seed := flag.Uint64("seed", 1, "equal seeds have equal tables")
	flag.Parse()
	if missed := simulation.Table(os.Stdout, *seed, *runs); missed > 0 {
		fmt.Fprintf(os.Stderr, "bench-analysis: %d goals are missed\n", missed)
		os.Exit(1)
	}
}
