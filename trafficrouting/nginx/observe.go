package nginx

import (
	"fmt"
	"slices"
	"strings"

	"crossfade.io/crossfade/trafficrouting"
)

// Observe says what is in effect. The best that an Ingress tells is Written: none has a status for it.
func (p Ingress) Observe(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) trafficrouting.Observed {
	out := trafficrouting.Observed{CanaryPPM: p.canaryPPM(live, owner, splits)}
	if live.Route == nil {
		out.Message = p.refusal(live)
	}
	want, err := p.Render(live, owner, splits)
	if err != nil {
		out.Drifted, out.Message = live.Route != nil, err.Error()
		return out
	}
	if changes := live.Changes(want); len(changes) > 0 {
		obj := changes[0].Live
		if obj == nil {
			obj = changes[0].Want
		}
		out.Drifted, out.Rendered = true, &want
		out.Message = fmt.Sprintf("%s is not as Crossfade would write it", title(obj))
		return out
	}
	// One that is being deleted is no change any more, and serves as long as finalizers keep it.
	for _, obj := range live.Beside {
		if obj.GetDeletionTimestamp() != nil && p.owned(obj, owner, splits) && !slices.Contains(want.Beside, obj) {
			out.Message = fmt.Sprintf("%s is being deleted, and kept by %s; take these finalizers off", title(obj), strings.Join(obj.GetFinalizers(), ", "))
			return out
		}
	}
	if live.Route == nil {
		return out
	}
	out.Evidence = trafficrouting.EvidenceWritten
	for _, s := range splits {
		if out.Message = p.steals(live, s); out.Message != "" {
			return out
		}
	}
	out.InEffect = true
	return out
}

// canaryPPM reads the canary's share back: the largest of the owner's canary Ingresses of this route.
func (p Ingress) canaryPPM(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) int32 {
	largest := int32(0)
	for _, obj := range live.Beside {
		if p.owned(obj, owner, splits) && !p.ofAnother(obj, live, splits) {
			largest = max(largest, p.shareOf(obj))
		}
	}
	return largest
}
