package bench_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestDouble: selectors find the counters that they are about.
func TestDouble(t *testing.T) {
	for selector, want := range map[string]int{
		`traefik_service_requests_total{service=~"bench-x1-app-7-http-[^@-]+@kubernetesgateway|bench-x1-app-7-[^@-]+@kubernetes"}`:                                        2,
		`traefik_service_requests_total{service=~"bench-x1-app-7-canary-http-[^@-]+@kubernetesgateway",code=~"5.."}`:                                                      1,
		`{__name__="traefik_service_requests_total",service=~"(?:bench-x1-app-7-canary-http-[^@-]+@kubernetesgateway)|(?:bench-x1-app-7-http-[^@-]+@kubernetesgateway)"}`: 4,
		`traefik_service_request_duration_seconds_bucket{service=~"bench-x1-app-7-http-[^@-]+@kubernetesgateway"}`:                                                        len(edges) + 1,
		`traefik_service_requests_total{service="bench-x1-app-70-http-80@kubernetesgateway",code="404"}`:                                                                  0,
	} {
		d := &double{}
		got := d.streams(selector, time.Unix(1000, 0), time.Unix(1060, 0))
		require.Len(t, got, want, selector)
		for _, one := range got {
			require.Len(t, one.Values, 4, "samples of a minute")
		}
	}
}
