// Package suite_test runs releases on a real cluster under a constant load, and counts every request.
package suite_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"crossfade.io/crossfade/e2e/suite/world"
)

const (
	// atOnce is how many scenarios run side by side at most.
	atOnce = "6"
	// capacity is how many requests a second all scenarios may send together.
	capacity = 600
)

var (
	// shared is the cluster of all scenarios.
	shared *world.World
	// budget holds what of the capacity is free.
	budget = semaphore.NewWeighted(capacity)
)

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
