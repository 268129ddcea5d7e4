package calibration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"

	"crossfade.io/crossfade/analysis"
)

const scrape = 15 * time.Second

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// service is pods that are made up.
type service struct {
	pods  int
	lasts time.Duration
	// rate is the requests a second of all pods, errors the part of them that fails.
	rate, errors float64
	// cluster is the mean size of clusters of errors, each of one pod and one scrape.
	cluster float64
	// odd is how many times the errors of others the first pod has; 0 is 1.
	odd float64
}

// counters are what Prometheus would have of them.
func (s service) counters(seed uint64) (requests, errs []analysis.Series) {
	source := rand.NewPCG(seed, 1)
	random := rand.New(source)
	for pod := range s.pods {
		name := fmt.Sprintf("checkout-5d8b-%c", 'a'+pod)
		labels := map[string]string{"__name__": "requests_total", "job": "shop", "instance": name, "pod": name}
		all, bad := analysis.Series{Labels: labels}, analysis.Series{Labels: labels}
		count, failed := 0.0, 0.0
		for at := noon; !at.After(noon.Add(s.lasts)); at = at.Add(scrape) {
			mean := s.rate * scrape.Seconds() / float64(s.pods) * s.errors
			if pod == 0 && s.odd > 0 {
				mean *= s.odd
			}
			for range int(distuv.Poisson{Lambda: mean / max(s.cluster, 1), Src: source}.Rand()) {
				failed++
				for s.cluster > 1 && random.Float64() > 1/s.cluster {
					failed++
				}
			}
			count += distuv.Poisson{Lambda: s.rate * scrape.Seconds() / float64(s.pods), Src: source}.Rand()
			all.Samples = append(all.Samples, analysis.Sample{Time: at, Value: count + failed})
			bad.Samples = append(bad.Samples, analysis.Sample{Time: at, Value: failed})
		}
		requests, errs = append(requests, all), append(errs, bad)
	}
	return requests, errs
}

func (s service) replay(t *testing.T, weights ...float64) Report {
	t.Helper()
	requests, errs := s.counters(1)
	past, err := Of(requests, errs, "pod", noon, noon.Add(s.lasts))
	require.NoError(t, err)
	return Replay(past, Asked{Weights: weights, Comparison: analysis.DefaultComparison()})
}

// TestIndependentErrors: what is promised of them holds, and a doubling is found as soon as docs/analysis.md says.
func TestIndependentErrors(t *testing.T) {
	r := service{pods: 10, lasts: 6 * time.Hour, rate: 100, errors: 0.01}.replay(t, 0.05, 0.1, 0.5)
	require.True(t, r.Known)
	require.InDelta(t, 1.05, r.Noise, 0.15)
	for _, row := range r.Rows {
		require.LessOrEqual(t, row.Set.Alarms, 1, "%+v", row)
		require.LessOrEqual(t, row.Learnt.Alarms, 1, "%+v", row)
	}
	tenth := r.Rows[1]
	require.Equal(t, 60, tenth.Windows, "each pod in turn, each hour")
	require.Equal(t, 1, tenth.Pods)
	require.InDelta(t, 285, tenth.Set.Doubling.Seconds(), 120)
	require.Greater(t, tenth.Learnt.Doubling, tenth.Set.Doubling, "what is known need not be learnt")
	require.Greater(t, r.Rows[0].Set.Doubling, tenth.Set.Doubling, "fewer requests tell less")
	require.Less(t, r.Rows[2].Set.Doubling, tenth.Set.Doubling)
	require.Equal(t, 5, r.Rows[2].Pods)
	require.Contains(t, r.Advice(), fmt.Sprintf("Set noise: %g, with which there was", r.Noise))
}

// TestClusteredErrors: of clusters of mean 5 the noise is about 9; with it there are fewer false alarms than with none.
func TestClusteredErrors(t *testing.T) {
	s := service{pods: 10, lasts: 12 * time.Hour, rate: 100, errors: 0.01, cluster: 5}
	r := s.replay(t, 0.1)
	require.True(t, r.Known)
	require.InDelta(t, 9, r.Noise, 1.5)
	naive := Row{}
	naive.judge(r.Past.histories(1, 0.1), analysis.DefaultComparison(), 1)
	require.Greater(t, naive.Set.Alarms, 5, "as if they were independent")
	require.LessOrEqual(t, r.Rows[0].Set.Alarms, 2)
	require.Greater(t, r.Rows[0].Set.Doubling, naive.Set.Doubling, "that is its price")
}

// TestPodThatIsOdd: a pod that is worse for hours is no chance, and is named.
func TestPodThatIsOdd(t *testing.T) {
	r := service{pods: 4, lasts: 6 * time.Hour, rate: 100, errors: 0.01, odd: 3}.replay(t, 0.25)
	require.Regexp(t, `^Find out first why checkout-5d8b-a has (2\.9|3\.0|3\.1) times the errors of other pods: `, r.Advice())
	pod, _ := service{pods: 4, lasts: 6 * time.Hour, rate: 100, errors: 0.01, odd: 1.2}.replay(t, 0.25).Past.Odd()
	require.Empty(t, pod, "pods differ a little")
}

func TestAdvice(t *testing.T) {
	for want, s := range map[string]service{
		"Too little is known to replay a release of an hour: look further back.": {pods: 2, lasts: 10 * time.Minute, rate: 10, errors: 0.01},
		"Leave noise out, and think of floor instead: twice these errors are still under 0.1%, up to which no canary fails.": {
			pods: 2, lasts: 2 * time.Hour, rate: 10,
		},
	} {
		require.Equal(t, want, s.replay(t, 0.5).Advice())
	}
	misspelt := service{pods: 2, lasts: 2 * time.Hour, rate: 10}.replay(t, 0.5)
	misspelt.Past.Unmatched = []string{`errors_total{app="checkout"}`}
	require.Equal(t, `See first whether ["errors_total{app=\"checkout\"}"] is right: it matches nothing, so that there were no errors, or they have another name.`, misspelt.Advice())
	rare := service{pods: 2, lasts: 2 * time.Hour, rate: 0.3, errors: 0.005}.replay(t, 0.5)
	require.Contains(t, rare.Advice(), "Leave noise out, so that it is learnt")
}

func TestReportIsWritten(t *testing.T) {
	var out strings.Builder
	require.NoError(t, service{pods: 4, lasts: 3 * time.Hour, rate: 40, errors: 0.01}.replay(t, 0.1, 0.5).Write(&out))
	for _, text := range []string{"Replayed 3h of 4 pods, scraped each 15s: 40", "WEIGHT   PODS   HOURS", "\n10%      1      12 ", "\n50%      2      6 ", "Set noise: "} {
		require.Contains(t, out.String(), text)
	}
}

func TestOfWhatIsNotThere(t *testing.T) {
	requests, errs := service{pods: 2, lasts: time.Hour, rate: 1}.counters(1)
	_, err := Of(requests, errs, "kubernetes_pod", noon, noon.Add(time.Hour))
	require.EqualError(t, err, "series requests_total has no label kubernetes_pod; name the label that tells pods from each other")
	_, err = Of(requests[:1], errs[:1], "pod", noon, noon.Add(time.Hour))
	require.EqualError(t, err, "there is one pod, checkout-5d8b-a, and none to compare it with; give the service a second one for a day")
	requests[0].Samples, requests[1].Samples = requests[0].Samples[:1], nil
	_, err = Of(requests, nil, "pod", noon, noon.Add(time.Hour))
	require.EqualError(t, err, "no pod was scraped twice; look further back")
}

// stored is a source that has series by selector.
type stored map[string][]analysis.Series

func (s stored) Value(context.Context, string, time.Time) (analysis.Value, error) {
	return analysis.Value{}, analysis.ErrRefused
}

func (s stored) Samples(_ context.Context, selector string, _, _ time.Time) ([]analysis.Series, error) {
	if selector == "refused" {
		return nil, analysis.ErrRefused
	}
	return s[selector], nil
}

func TestRead(t *testing.T) {
	requests, errs := service{pods: 3, lasts: time.Hour, rate: 30, errors: 0.1}.counters(1)
	source := stored{"one": requests[:1], "others": requests[1:], "errors": errs}
	past, err := Read(t.Context(), source, Selectors{Requests: []string{"one", "others"}, Errors: []string{"errors"}, Pod: "pod"}, noon, noon.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, scrape, past.Step)
	require.Len(t, past.Pods, 3)
	require.InDelta(t, 3600*33, past.Sum().Exposures, 3000)
	require.Equal(t, time.Hour, past.Length())

	require.Empty(t, past.Unmatched)
	past, err = Read(t.Context(), source, Selectors{Requests: []string{"one", "others"}, Errors: []string{"eror"}, Pod: "pod"}, noon, noon.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, []string{"eror"}, past.Unmatched)

	_, err = Read(t.Context(), source, Selectors{Requests: []string{"nothing"}, Pod: "pod"}, noon, noon.Add(time.Hour))
	require.EqualError(t, err, `no requests since 2026-11-20T12:00:00Z: nothing matches ["nothing"]; correct the selector, or look further back`)
	_, err = Read(t.Context(), source, Selectors{Requests: []string{"one"}, Errors: []string{"refused"}, Pod: "pod"}, noon, noon.Add(time.Hour))
	require.ErrorIs(t, err, analysis.ErrRefused)
}
