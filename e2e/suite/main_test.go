// Package suite_test runs releases on a real cluster under a constant load, and counts every request.
package suite_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"crossfade.io/crossfade/e2e/suite/world"
)

// atOnce is how many scenarios run side by side at most.
const atOnce = "6"

// shared is the cluster of all scenarios.
var shared *world.World

func TestMain(m *testing.M) {
	flag.Parse()
	// Scenarios wait most of the time, so more of them fit than there are processors.
	if err := flag.Set("test.parallel", atOnce); err != nil {
		panic(err)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	var err error
	if shared, err = world.Open(ctx); err == nil {
		defer shared.Close()
		err = shared.Install(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "suite:", err)
		return 1
	}
	return m.Run()
}
