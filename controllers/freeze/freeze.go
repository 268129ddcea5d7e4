// Package freeze tells when the freezes of a Rollout last.
package freeze

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// fields are the five that cron has had from the beginning; names such as @daily and time zones are refused.
var fields = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// At returns the freeze that lasts the longest from now on, and its end; an empty name if none lasts. A freeze that
// cannot be read is none: Refusal names it before a Release can follow it.
func At(freezes []v1alpha1.Freeze, now time.Time) (name string, until time.Time) {
	for _, f := range freezes {
		schedule, zone, err := read(f)
		if err != nil {
			continue
		}
		length := f.For.Duration.Duration
		for start := schedule.Next(now.In(zone).Add(-length)); !start.IsZero() && !start.After(now); start = schedule.Next(start) {
			if end := start.Add(length); end.After(until) && end.After(now) {
				name, until = f.Name, end
			}
		}
	}
	return name, until
}

// Refusal says which freeze cannot be read, and the mend; "" if all can.
func Refusal(freezes []v1alpha1.Freeze) string {
	for _, f := range freezes {
		if _, _, err := read(f); err != nil {
			return fmt.Sprintf("spec.freezes: %s: %v", f.Name, err)
		}
	}
	return ""
}

func read(f v1alpha1.Freeze) (cron.Schedule, *time.Location, error) {
	if strings.Contains(f.Schedule, "=") {
		return nil, nil, fmt.Errorf("schedule %q names a time zone; use timeZone for it", f.Schedule)
	}
	schedule, err := fields.Parse(f.Schedule)
	if err != nil {
		return nil, nil, fmt.Errorf("schedule %q is none of five fields such as \"0 18 * * FRI\" (%w)", f.Schedule, err)
	}
	zone, err := time.LoadLocation(ptr.Deref(f.TimeZone, "UTC"))
	if err != nil {
		return nil, nil, fmt.Errorf("timeZone %q is not known; use a name such as \"Europe/Paris\"", ptr.Deref(f.TimeZone, ""))
	}
	return schedule, zone, nil
}
