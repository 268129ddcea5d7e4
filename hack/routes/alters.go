package main

import (
	"strings"

	"crossfade.io/crossfade/trafficrouting"
)

// alterations tells what a step can do to requests but share them.
const alterations = `
## Headers, users who are kept, mirrors
` + "```yaml" + `
strategy:
  stickiness: {cookie: lane, for: 1h}              # who got the canary stays there
  steps:
  - name: shadow                                   # copies of GET and HEAD, whose answers nobody gets
    replicas: 1
    mirror: {percent: 20}
    hold: {for: 10m}
  - name: half
    weight: 50
    requestHeaders: {set: [{name: X-Lane, value: next}]}
    hold: {approval: Required}
` + "```" + `
- **requestHeaders** change what the canary gets by a match or a weight, beside what the route does itself. Stable's requests
  are not touched, and once the canary is the only version it gets requests as they come.
- **stickiness** has the canary's answers set a cookie that is the Release's own, by which later requests find it. Users who
  are kept do not count for the weight: of those who come often, more and more get the canary, up to all, so that such a step has all
  pods. ` + "`stable: true`" + ` keeps users of stable too, each for as long as a step lasts. On the way back nobody is kept.
- **mirror** sends copies while the canary has no share. ` + "`requests: All`" + ` copies those that change something too, which
  the canary then changes a second time. A rule that sends to several backends cannot be mirrored.

**Gateway API**: headers of a step with a match and no weight are core. Headers by weight and stickiness need
` + "`HTTPRouteBackendRequestHeaderModification`" + `, stickiness ` + "`HTTPRouteResponseHeaderModification`" + ` too, a mirror
` + "`HTTPRouteRequestMirror`" + `, with a percentage ` + "`HTTPRouteRequestPercentageMirror`" + `: every GatewayClass of the route has to publish
them, as a gateway that does not know a filter answers 500 by it. Traefik mirrors nothing by an HTTPRoute, and cannot keep users of stable,
since it calls a Service in one way, whichever rule sends there. A GRPCRoute changes headers of a match alone.

Shown on Traefik: headers of a match and of a weight, and stickiness of the canary. By a VirtualService all of it was seen in
what istiod configures for the proxies of callers, but no Envoy was run. Mirrors and stickiness of stable by an HTTPRoute were
shown on the API's schema and a model of a gateway alone. An IngressRoute, which is [described](#kinds-that-are-described), has
Traefik mirror, and was seen to.
`

// alters lists what a kind can do to requests.
func alters(can trafficrouting.Capabilities) string {
	var names []string
	for _, able := range []struct {
		can  bool
		name string
	}{
		{can.RequestHeaders && !can.WeightedHeaders, "headers of a match"},
		{can.WeightedHeaders, "headers"},
		{can.Sticky, "stickiness"},
		{can.Mirror && can.MirrorPercent, "mirror by percent"},
	} {
		if able.can {
			names = append(names, able.name)
		}
	}
	if len(names) == 0 {
		return "–"
	}
	return strings.Join(names, ", ")
}
