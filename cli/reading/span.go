package reading

import (
	"fmt"
	"time"
)

// Span says a length of time in at most two units: "42s", "3m12s", "2h5m", "3d4h".
func Span(d time.Duration) string {
	d = max(d, 0)
	switch s := int64(d / time.Second); {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return units(s/60, "m", s%60, "s")
	case s < 24*3600:
		return units(s/3600, "h", s%3600/60, "m")
	default:
		return units(s/86400, "d", s%86400/3600, "h")
	}
}

func units(big int64, bigUnit string, small int64, smallUnit string) string {
	if small == 0 {
		return fmt.Sprintf("%d%s", big, bigUnit)
	}
	return fmt.Sprintf("%d%s%d%s", big, bigUnit, small, smallUnit)
}
