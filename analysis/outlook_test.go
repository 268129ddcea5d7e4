package analysis

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis/sequential"
)

// TestOutlook: the standard scenario passes within 150 s on average by the table of docs/judges.md, scrapes included.
func TestOutlook(t *testing.T) {
	asked := DefaultComparison()
	std := sequential.Traffic{Rate: 100, Weight: 0.1, Base: 0.01, Phi: 1}
	usual := asked.Outlook(std)
	require.InDelta(t, 120, usual.Seconds(), 40)

	quiet, wide, noisy, half := std, std, std, std
	quiet.Rate, wide.Weight, noisy.Phi, half.Weight = 10, 0.2, 9, 0.5
	require.InDelta(t, 10*usual.Seconds(), asked.Outlook(quiet).Seconds(), 1)
	require.Less(t, asked.Outlook(wide), usual)
	require.InDelta(t, 9*usual.Seconds(), asked.Outlook(noisy).Seconds(), 1)
	require.Greater(t, asked.Outlook(half), time.Duration(0))

	faultless := std
	faultless.Base = 0
	floor := asked.Outlook(faultless)
	require.Greater(t, floor, time.Minute, "so many requests without an error show that it is under the floor")
	require.Less(t, floor, time.Hour)
	asked.Floor = 0
	require.Zero(t, asked.Outlook(faultless), "no errors, no ratio")
	require.Zero(t, asked.Outlook(sequential.Traffic{Weight: 0.1, Base: 0.01}), "no requests")
}
