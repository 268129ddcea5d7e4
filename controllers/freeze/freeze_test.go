package freeze_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/freeze"
)

func freezeOf(name, schedule string, length time.Duration, zone string) v1alpha1.Freeze {
	f := v1alpha1.Freeze{Name: name, Schedule: schedule, For: v1alpha1.Duration{Duration: metav1.Duration{Duration: length}}}
	if zone != "" {
		f.TimeZone = &zone
	}
	return f
}

func TestAt(t *testing.T) {
	weekend := freezeOf("weekend", "0 18 * * FRI", 62*time.Hour, "")
	night := freezeOf("night", "0 22 * * *", 8*time.Hour, "Europe/Paris")
	tests := map[string]struct {
		freezes []v1alpha1.Freeze
		now     string
		name    string
		until   string
	}{
		"none":                              {nil, "2026-11-27T20:00:00Z", "", ""},
		"before":                            {[]v1alpha1.Freeze{weekend}, "2026-11-27T17:59:59Z", "", ""},
		"from its first moment":             {[]v1alpha1.Freeze{weekend}, "2026-11-27T18:00:00Z", "weekend", "2026-11-30T08:00:00Z"},
		"in the middle":                     {[]v1alpha1.Freeze{weekend}, "2026-11-29T12:00:00Z", "weekend", "2026-11-30T08:00:00Z"},
		"not at its end":                    {[]v1alpha1.Freeze{weekend}, "2026-11-30T08:00:00Z", "", ""},
		"by the clock of its zone":          {[]v1alpha1.Freeze{night}, "2026-11-26T21:30:00Z", "night", "2026-11-27T05:00:00Z"},
		"in summer too":                     {[]v1alpha1.Freeze{night}, "2026-07-01T20:30:00Z", "night", "2026-07-02T04:00:00Z"},
		"of several the one that ends last": {[]v1alpha1.Freeze{night, weekend}, "2026-11-27T22:00:00Z", "weekend", "2026-11-30T08:00:00Z"},
		"one that begins anew before its end": {
			[]v1alpha1.Freeze{freezeOf("always", "0 * * * *", 90*time.Minute, "")}, "2026-11-26T10:10:00Z", "always", "2026-11-26T11:30:00Z",
		},
		"a day that never comes": {[]v1alpha1.Freeze{freezeOf("never", "0 0 30 2 *", time.Hour, "")}, "2026-11-26T10:10:00Z", "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339, test.now)
			require.NoError(t, err)
			found, until := freeze.At(test.freezes, now)
			require.Equal(t, test.name, found)
			if test.name != "" {
				require.Equal(t, test.until, until.UTC().Format(time.RFC3339))
			}
		})
	}
}

func TestRefusal(t *testing.T) {
	require.Empty(t, freeze.Refusal([]v1alpha1.Freeze{freezeOf("weekend", "0 18 * * FRI", time.Hour, "Asia/Tokyo")}))
	for want, f := range map[string]v1alpha1.Freeze{
		`spec.freezes: weekend: schedule "18 FRI * *" is none of five fields such as "0 18 * * FRI"`:     freezeOf("weekend", "18 FRI * *", time.Hour, ""),
		`spec.freezes: weekend: schedule "@weekly" is none of five fields`:                               freezeOf("weekend", "@weekly", time.Hour, ""),
		`spec.freezes: weekend: schedule "TZ=UTC 0 1 * * *" names a time zone; use timeZone for it`:      freezeOf("weekend", "TZ=UTC 0 1 * * *", time.Hour, ""),
		`spec.freezes: weekend: timeZone "Mars/Olympus" is not known; use a name such as "Europe/Paris"`: freezeOf("weekend", "0 1 * * *", time.Hour, "Mars/Olympus"),
	} {
		require.Contains(t, freeze.Refusal([]v1alpha1.Freeze{f}), want)
	}
}
