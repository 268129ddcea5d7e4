package reading_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/clitest"
	"crossfade.io/crossfade/cli/reading"
)

func TestInFlight(t *testing.T) {
	rollout := clitest.Rollout()
	ofOlderRollout := clitest.Release(9, time.Hour)
	ofOlderRollout.Spec.Rollout.UID = types.UID("rollout-0")
	elsewhere := clitest.Release(9, time.Hour)
	elsewhere.Namespace = "other"
	active := clitest.Release(4, time.Hour)

	tests := map[string]struct {
		releases []v1alpha1.Release
		want     string
	}{
		"none":                        {nil, ""},
		"ended ones are not":          {[]v1alpha1.Release{clitest.Promoted(), clitest.Aborted()}, ""},
		"the one that has not ended":  {[]v1alpha1.Release{clitest.Promoted(), active}, "checkout-4"},
		"another namespace's is not":  {[]v1alpha1.Release{elsewhere}, ""},
		"this Rollout's comes first":  {[]v1alpha1.Release{ofOlderRollout, active}, "checkout-4"},
		"one being restored is shown": {[]v1alpha1.Release{clitest.Promoted(), ofOlderRollout}, "checkout-9"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			found := reading.InFlight(&rollout, test.releases)
			if test.want == "" {
				require.Nil(t, found)
				return
			}
			require.Equal(t, test.want, found.Name)
		})
	}
}

func TestLastIsTheHighestNumber(t *testing.T) {
	rollout := clitest.Rollout()
	require.Nil(t, reading.Last(&rollout, nil))
	require.Equal(t, "checkout-4", reading.Last(&rollout, []v1alpha1.Release{clitest.Promoted(), clitest.Aborted()}).Name)
}

func TestHoldClock(t *testing.T) {
	rel := clitest.Holding()
	step := reading.Steps(&rel)[1]
	visit := reading.LastVisit(&rel, "first")
	require.Equal(t, reading.Clock{For: 10 * time.Minute, Left: 6*time.Minute + 10*time.Second}, reading.HoldClock(&rel, step, visit, clitest.Now))
	require.Zero(t, reading.HoldClock(&rel, step, visit, clitest.Now.Add(time.Hour)).Left, "a clock stops at 0")
	require.Equal(t, 10*time.Minute, reading.HoldClock(&rel, step, nil, clitest.Now).Left, "a clock that has not begun is full")
	require.Zero(t, reading.HoldClock(&rel, reading.Steps(&rel)[0], visit, clitest.Now), "a step that only asks for approval has none")
}

func TestDeadline(t *testing.T) {
	failing := clitest.PodsFailing()
	require.Equal(t, clitest.Now.Add(10*time.Minute-85*time.Second), reading.Deadline(&failing))
	for name, rel := range map[string]v1alpha1.Release{
		"in effect": clitest.Holding(), "going back": clitest.Collapsed(), "starting": clitest.Starting(), "past return": clitest.PastNoReturn(),
	} {
		require.True(t, reading.Deadline(&rel).IsZero(), name)
	}
}

func TestSpan(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": -time.Second, "59s": 59 * time.Second, "1m": time.Minute, "3m12s": 192 * time.Second,
		"2h": 2 * time.Hour, "2h5m": 125 * time.Minute, "3d4h": 76 * time.Hour,
	} {
		require.Equal(t, want, reading.Span(d))
	}
}
