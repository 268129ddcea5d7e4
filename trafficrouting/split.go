package trafficrouting

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// perPercent is one percent, in parts per million.
const perPercent int32 = 10_000

// CanaryOf returns the name of the canary Service of a user's Service.
func CanaryOf(service string) string { return service + v1alpha1.CanarySuffix }

// AllStable returns the split that sends everything to the user's Service and keeps the canary
// Service known to the data plane.
func AllStable(service string) Split { return Between(service, 0) }

// AllCanary returns the split that sends everything to the canary Service and keeps the user's
// Service known to the data plane.
func AllCanary(service string) Split { return Between(service, Whole) }

// Between returns the split that sends canaryPPM parts per million to the canary Service and the
// rest to the user's. A share outside 0–1 000 000 is taken as the nearer bound.
func Between(service string, canaryPPM int32) Split {
	canary := min(max(canaryPPM, 0), Whole)
	return Split{
		Base: Backend{Service: service},
		Shares: []Share{
			{Backend: Backend{Service: service}, PPM: Whole - canary},
			{Backend: Backend{Service: CanaryOf(service)}, PPM: canary},
		},
	}
}

// PPM returns a weight in parts per million: whole percent as a number, or a percentage with at most
// four decimals as a string. nil is 0. It fails for anything else.
func PPM(weight *intstr.IntOrString) (int32, error) {
	if weight == nil {
		return 0, nil
	}
	if weight.Type == intstr.Int {
		if weight.IntVal < 0 || weight.IntVal > 100 {
			return 0, fmt.Errorf("read weight %d: must be 0 to 100", weight.IntVal)
		}
		return weight.IntVal * perPercent, nil
	}
	invalid := fmt.Errorf("read weight %q: must be a percentage from \"0%%\" to \"100%%\" with at most four decimals", weight.StrVal)
	number, ok := strings.CutSuffix(weight.StrVal, "%")
	whole, decimals, dotted := strings.Cut(number, ".")
	if !ok || !digits(whole, 3) || dotted && !digits(decimals, 4) {
		return 0, invalid
	}
	ppm, err := strconv.ParseInt(whole+(decimals + "0000")[:4], 10, 32)
	if err != nil || ppm > int64(Whole) {
		return 0, invalid
	}
	return int32(ppm), nil
}

// digits says whether s is 1 to most decimal digits.
func digits(s string, most int) bool {
	return s != "" && len(s) <= most && strings.Trim(s, "0123456789") == ""
}

// Percent writes parts per million as people do, such as "25%" or "0.5%".
func Percent(ppm int32) string {
	whole, rest := ppm/perPercent, ppm%perPercent
	if rest == 0 {
		return fmt.Sprintf("%d%%", whole)
	}
	return fmt.Sprintf("%d.%s%%", whole, strings.TrimRight(fmt.Sprintf("%04d", rest), "0"))
}
