// Package live_test runs the real controller against a real control plane. KUBECONFIG names one.
package live_test

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/e2e/controlplane"
)

const strategy = "  strategy: {steps: [{name: half, weight: 50}]}\n"

// TestIdleCostsNothing: armed Rollouts that have nothing to do cause no request but leases and watches.
// IDLE is how long they are looked at: seconds in make test, 5m in make soak.
func TestIdleCostsNothing(t *testing.T) {
	const rollouts = 100
	window := 30 * time.Second
	if text := os.Getenv("IDLE"); text != "" {
		var err error
		window, err = time.ParseDuration(text)
		require.NoError(t, err, "IDLE must be a duration such as 5m")
	}
	c := controlplane.Start(t)
	namespace := c.Namespace(t, "idle")
	for i := range rollouts {
		c.Deploy(t, namespace, fmt.Sprintf("app-%d", i), 1, strategy)
	}
	for i := range rollouts {
		c.AwaitArmed(t, namespace, fmt.Sprintf("app-%d", i))
	}
	awaitQuiet(t, c, namespace)
	mark, cpu := c.Mark(t), c.CPU(t)
	require.Never(t, func() bool { return len(in(namespace, c.Requests(t, mark))) > 0 }, window, time.Second,
		"%d idle Rollouts caused requests within %s", rollouts, window)
	t.Logf("%d idle Rollouts, %s: no request, %s of CPU", rollouts, window, c.CPU(t)-cpu)
}

// awaitQuiet waits until the Events of arming, which the client sends on its own time, are through.
func awaitQuiet(t *testing.T, c *controlplane.Controller, namespace string) {
	t.Helper()
	const quiet = 5 * time.Second
	mark, since := c.Mark(t), time.Now()
	require.Eventually(t, func() bool {
		if len(in(namespace, c.Requests(t, mark))) > 0 {
			mark, since = c.Mark(t), time.Now()
		}
		return time.Since(since) >= quiet
	}, time.Minute, 200*time.Millisecond, "requests went on after all was armed")
}

// in keeps the requests about one namespace: what other tests left behind goes in its own time.
func in(namespace string, all []controlplane.Request) []controlplane.Request {
	return slices.DeleteFunc(all, func(r controlplane.Request) bool { return r.Namespace != namespace })
}
