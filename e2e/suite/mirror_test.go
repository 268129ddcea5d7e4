package suite_test

import (
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/load"
	"crossfade.io/crossfade/e2e/suite/world"
)

// shadow is a step that gives the canary copies of a fifth of these requests.
func shadow(requests string) v1alpha1.Step {
	return v1alpha1.Step{
		Name: "shadow", Replicas: ptr.To(intstr.FromInt32(2)), Hold: approval(),
		Mirror: &v1alpha1.Mirror{Percent: ptr.To(int32(20)), Requests: requests},
	}
}

// TestDescribedMirror: Traefik sends the canary copies of as many requests as the step says, and stable alone answers.
func TestDescribedMirror(t *testing.T) {
	t.Parallel()
	t.Run("Promoted", func(t *testing.T) {
		t.Parallel()
		s := begin(t, setting{kind: "IngressRoute", gateway: 80, steps: []v1alpha1.Step{shadow(v1alpha1.MirrorAll), world.Weighted("half", 50, approval())}})
		s.ship("v2")
		s.awaitStep(1, "shadow")
		s.requireMirrorObject()
		between := s.copiesOf(5200)
		s.approve(1, "shadow")
		s.awaitRequests(s.awaitStep(1, "half").StartedAt.Time, 1000)
		s.approve(1, "half")
		release := s.awaitOutcome(1, v1alpha1.OutcomePromoted)
		records := s.requireNoneFailed()
		s.requireCopies("GET", 0.2, between, records)
		s.requireCopies("POST", 0.2, between, records)
		s.requireShare("shadow, answers of the canary", during(s.stepNamed(release, "shadow"), records), "v2", 0, 4000)
		s.requireShare("half, gateway, fresh", during(s.stepNamed(release, "half"), records).Of("gateway-fresh"), "v2", 0.5, 50)
		s.requireLikeTwin(false, ships("v2"))
	})
	t.Run("Aborted", func(t *testing.T) {
		t.Parallel()
		s := begin(t, setting{kind: "IngressRoute", gateway: 80, steps: []v1alpha1.Step{shadow(v1alpha1.MirrorSafe)}})
		s.ship("v2")
		s.awaitStep(1, "shadow")
		for _, pod := range s.podsOf("v2") {
			s.set(pod, `{"errorRatio": 1}`) // nobody gets these answers
		}
		between := s.copiesOf(5200)
		s.abort()
		release := s.awaitOutcome(1, v1alpha1.OutcomeAborted)
		records := s.requireNoneFailed()
		s.requireCopies("GET", 0.2, between, records)
		s.requireCopies("POST", 0, between, records)
		s.requireShare("shadow, answers of the canary", during(s.stepNamed(release, "shadow"), records), "v2", 0, 4000)
		s.requireLikeTwin(true, holdsV2())
	})
	t.Run("Emptied", func(t *testing.T) {
		t.Parallel()
		s := begin(t, setting{kind: "IngressRoute", steps: []v1alpha1.Step{shadow(v1alpha1.MirrorAll)}})
		s.ship("v2")
		s.awaitStep(1, "shadow")
		for _, pod := range s.podsOf("v2") {
			s.set(pod, `{"ready": false}`)
		}
		s.eventually(soon, "no endpoint of the canary", func() (string, bool) {
			endpoints := &discoveryv1.EndpointSliceList{}
			require.NoError(t, shared.Client.List(s.ctx, endpoints, client.InNamespace(s.app.Namespace), client.MatchingLabels{discoveryv1.LabelServiceName: world.AppName + "-canary"}))
			ready := 0
			for _, slice := range endpoints.Items {
				for _, endpoint := range slice.Endpoints {
					if ptr.Deref(endpoint.Conditions.Ready, true) {
						ready++
					}
				}
			}
			return fmt.Sprintf("%d are ready", ready), ready == 0
		})
		s.awaitRequests(time.Now(), 1000)
		if s.story.last(1).Status.Outcome == "" {
			s.abort()
		}
		s.awaitRelease(1, "an outcome", func(release *v1alpha1.Release) bool { return release.Status.Outcome != "" })
		s.requireShare("all the time", s.requireNoneFailed(), "v2", 0, 1000)
		s.requireLikeTwin(true, holdsV2())
	})
}

// copies are the requests that the canary's pods got, by method, between two looks.
type copies struct {
	from, until time.Time
	got         map[string]int
}

// copiesOf counts what the canary's pods get while so many requests are sent.
func (s *scenario) copiesOf(requests int) copies {
	s.t.Helper()
	before, from := s.gotBy("v2"), time.Now()
	s.awaitRequests(from, requests)
	after, until := s.gotBy("v2"), time.Now()
	for method := range after {
		after[method] -= before[method]
	}
	return copies{from, until, after}
}

var counted = regexp.MustCompile(`(?m)^http_requests_total\{.*method="([A-Za-z]+)".*\} (\S+)$`)

// gotBy counts the requests that the pods of a version have got so far, by method.
func (s *scenario) gotBy(version string) map[string]int {
	s.t.Helper()
	got := map[string]int{}
	for _, pod := range s.podsOf(version) {
		text, err := shared.Kube.CoreV1().RESTClient().Get().Namespace(pod.Namespace).Resource("pods").Name(pod.Name + ":8081").
			SubResource("proxy").Suffix("metrics").DoRaw(s.ctx)
		require.NoError(s.t, err)
		for _, line := range counted.FindAllStringSubmatch(string(text), -1) {
			count, err := strconv.ParseFloat(line[2], 64)
			require.NoError(s.t, err)
			got[line[1]] += int(count)
		}
	}
	return got
}

// requireCopies requires that the canary's pods got copies of this part of the gateway's requests by a method.
func (s *scenario) requireCopies(method string, want float64, between copies, records load.Records) {
	s.t.Helper()
	share := load.Share{Count: between.got[method]}
	for _, record := range gatewayOnly(records.Between(between.from, between.until)) {
		if record.Method() == method {
			share.Total++
		}
	}
	s.logf("%-40s %s", "copies of "+method, share)
	require.GreaterOrEqual(s.t, share.Total, 2000, "too few requests to tell")
	require.True(s.t, share.Within(want, tolerance), "copies of %s: %s, wanted %.0f %%", method, share, 100*want)
}

// requireMirrorObject requires one TraefikService, which goes with the Service.
func (s *scenario) requireMirrorObject() {
	s.t.Helper()
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion("traefik.io/v1alpha1")
	list.SetKind("TraefikServiceList")
	require.NoError(s.t, shared.Client.List(s.ctx, list, client.InNamespace(s.app.Namespace)))
	require.Len(s.t, list.Items, 1)
	owners := list.Items[0].GetOwnerReferences()
	require.Len(s.t, owners, 1)
	require.Equal(s.t, "Service "+world.AppName, fmt.Sprint(owners[0].Kind, " ", owners[0].Name))
}
