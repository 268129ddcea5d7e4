package cli_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/cli/clitest"
)

// stored is a Prometheus in which each of three pods has 10 requests and one error in each scrape, and what it was asked.
type stored struct {
	*httptest.Server
	queries, tokens []string
}

func newStored(t *testing.T) *stored {
	t.Helper()
	s := &stored{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.FormValue("query")
		s.queries, s.tokens = append(s.queries, query), append(s.tokens, r.Header.Get("Authorization"))
		end, err := strconv.ParseFloat(r.FormValue("time"), 64)
		if err != nil {
			end = float64(clitest.Now.Unix())
		}
		type stream struct {
			Metric map[string]string `json:"metric"`
			Values [][2]any          `json:"values"`
		}
		each := 10
		if strings.Contains(query, "5..") {
			each = 1
		}
		var matrix []stream
		for _, pod := range []string{"checkout-7d9c5bf4c8-a", "checkout-7d9c5bf4c8-b", "checkout-7d9c5bf4c8-c"} {
			one := stream{Metric: map[string]string{"__name__": "requests_total", "instance": pod, "pod": pod}}
			for at := int(end) / 15 * 15; at > int(end)-3600; at -= 15 {
				one.Values = append([][2]any{{at, strconv.Itoa(each * at / 15)}}, one.Values...)
			}
			matrix = append(matrix, one)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{"resultType": "matrix", "result": matrix}})
	}))
	t.Cleanup(s.Close)
	return s
}

func TestCalibrate(t *testing.T) {
	server := newStored(t)
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("t0ken\n"), 0o600))
	out, err := newWorld(t, clitest.Story{}).run(t.Context(), "calibrate", "--prometheus", server.URL, "--bearer-file", token, "--from", "3h", "--weights", "10,50",
		"--requests", `requests_total{app="shop"}`, "--errors", `requests_total{app="shop",code=~"5.."}`)
	require.NoError(t, err)
	for _, text := range []string{
		`Reading 3h of requests_total{app="shop"} ...`, "Replayed 3h of 3 pods, scraped each 15s: 2 requests a second, 10% errors.", "\n10%", "\n50%", "Set noise: ",
	} {
		require.Contains(t, out, text)
	}
	require.Len(t, server.queries, 6, "an hour at a time")
	require.Equal(t, "Bearer t0ken", server.tokens[0])
	require.NotContains(t, out, "t0ken")
}

// TestCalibrateTakesThePodsOfTheRollout: those of the ReplicaSet that serves.
func TestCalibrateTakesThePodsOfTheRollout(t *testing.T) {
	w := newWorld(t, clitest.Stories()["promoted"])
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "checkout", UID: "deployment-1"}}
	require.NoError(t, w.Create(t.Context(), deployment))
	for hash, ready := range map[string]int32{"5f6b9d7c55": 1, "7d9c5bf4c8": 3} {
		require.NoError(t, w.Create(t.Context(), &appsv1.ReplicaSet{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "shop", Name: "checkout-" + hash,
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: "checkout", UID: "deployment-1", Controller: ptr.To(true)}},
			},
			Status: appsv1.ReplicaSetStatus{ReadyReplicas: ready},
		}))
	}
	server := newStored(t)
	out, err := w.run(t.Context(), "calibrate", "checkout", "--prometheus", server.URL, "--from", "2h")
	require.NoError(t, err)
	require.Contains(t, out, "Replayed 2h of 3 pods")
	require.Contains(t, server.queries[0], `namespace="shop",pod=~"checkout-7d9c5bf4c8-[a-z0-9]+"`)
}

func TestCalibrateExplainsWhatIsMissing(t *testing.T) {
	server := newStored(t)
	here := []string{"--prometheus", server.URL}
	for want, args := range map[string][]string{
		"calibrate: say where Prometheus is with --prometheus, such as http://localhost:9090 after kubectl port-forward":            {"checkout"},
		"calibrate: say whose past it is by one of: kubectl crossfade calibrate ROLLOUT, --replicaset, or --requests with --errors": here,
		"calibrate: --requests and --errors go together":                                                                            append(here, "--requests", "a"),
		"calibrate: --from 10m0s is less than the hour that a release is taken to last; look further back":                          append(here, "checkout", "--from", "10m"),
		"calibrate: --weights 100 is no share of the requests; give percents from 1 to 99":                                          append(here, "checkout", "--weights", "100"),
		"calibrate: read --ca-file: open nowhere: no such file or directory":                                                        append(here, "checkout", "--ca-file", "nowhere"),
		"calibrate: series requests_total has no label host; name the label that tells pods from each other":                        append(here, "--replicaset", "checkout-1", "--pod-label", "host"),
		"read Rollout shop/checkout: not found; namespace shop has no Rollouts, choose another one with -n":                         append(here, "checkout"),
	} {
		_, err := newWorld(t, clitest.Story{}).run(t.Context(), append([]string{"calibrate"}, args...)...)
		require.EqualError(t, err, want)
	}
	server.Close()
	_, err := newWorld(t, clitest.Story{}).run(t.Context(), append([]string{"calibrate", "--replicaset", "checkout-1"}, here...)...)
	require.ErrorContains(t, err, "calibrate: source unreachable of prometheus: ")
}
