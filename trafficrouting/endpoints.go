package trafficrouting

import (
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
)

// ReadyEndpoints returns how many endpoints of one Service take new requests, and the UIDs of their
// pods, sorted. An endpoint that is in several slices, or has an address of each family, counts once.
func ReadyEndpoints(slicesOfService []*discoveryv1.EndpointSlice) (ready int32, pods []types.UID) {
	seen := map[string]bool{}
	for _, slice := range slicesOfService {
		for _, endpoint := range slice.Endpoints {
			if !takesRequests(endpoint.Conditions) {
				continue
			}
			if ref := endpoint.TargetRef; ref != nil && ref.UID != "" {
				if !seen["pod/"+string(ref.UID)] {
					seen["pod/"+string(ref.UID)] = true
					pods = append(pods, ref.UID)
				}
				continue
			}
			// Addresses of one endpoint are interchangeable; consumers use the first (discovery/v1).
			if len(endpoint.Addresses) > 0 {
				seen["address/"+endpoint.Addresses[0]] = true
			}
		}
	}
	slices.Sort(pods)
	return int32(len(seen)), pods
}

// takesRequests reads the conditions as discovery/v1 says: unknown readiness counts as ready, and
// unknown termination as not terminating. Ready alone does not do: publishNotReadyAddresses sets it on
// endpoints that terminate.
func takesRequests(c discoveryv1.EndpointConditions) bool {
	return (c.Ready == nil || *c.Ready) && (c.Terminating == nil || !*c.Terminating)
}
