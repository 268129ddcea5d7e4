//go:build upgrade

package live_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/e2e/controlplane"
)

// TestUpgradedMidWay has a former version of the controller begin each release, and this one go on after the former one's
// n-th write, for every n: what the former one has written is understood. FORMER is the former version's checkout.
func TestUpgradedMidWay(t *testing.T) {
	former := os.Getenv("FORMER")
	require.NotEmpty(t, former, "FORMER must name the checkout of a former version: make upgrade FROM=COMMIT")
	wire := newLine()
	c := controlplane.StartThrough(t, wire.through)
	next := c.Version(t, "")
	begun := c.Version(t, former)
	for name, way := range map[string]way{"promote": {"HTTPRoute", ""}, "abort": {"HTTPRoute", "most"}} {
		wire.onKill = func() {}
		writes := spoilt(t, c, wire, "", 0, way)
		wire.onKill = func() {
			c.Kill(t)
			c.Run(next)
			c.Launch(t)
		}
		for n := 1; n <= writes; n++ {
			t.Run(fmt.Sprintf("%s %d", name, n), func(t *testing.T) {
				c.Kill(t)
				c.Run(begun)
				c.Launch(t)
				spoilt(t, c, wire, killed, n, way)
			})
		}
	}
}
