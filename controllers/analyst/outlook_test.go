package analyst

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestOutlookOfAYoungService: what a service did in its first minutes is not thinned by the time before there was one.
func TestOutlookOfAYoungService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(1), released()
		w.start = time.Now().Add(-2 * time.Minute)
		a := begin(t, w)
		e := requireReady(t, a, r)
		require.Regexp(t, "^evidence on errors takes about [1-4]m", e.Record.Outlook)
	})
}
