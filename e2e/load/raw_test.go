package load

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRawLogAndSamples(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.Header().Set(VersionHeader, `v2,"odd"`)
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	raw, samples := filepath.Join(t.TempDir(), "raw.csv"), filepath.Join(t.TempDir(), "samples.jsonl")
	running, err := Start(t.Context(), Config{
		Targets:  []Target{{Name: "shop, east", URL: server.URL, Rate: 200}},
		Duration: 100 * time.Millisecond, RawFile: raw, SamplesFile: samples,
	})
	require.NoError(t, err)
	_, err = running.Wait()
	require.NoError(t, err)

	records, err := OpenRawLog(raw).Read()
	require.NoError(t, err)
	require.Equal(t, running.Records(), records, "the log holds all that the run knows")
	require.Equal(t, map[string]int{"v1": 10, `v2,"odd"`: 10}, records.Versions())

	whole, err := os.ReadFile(raw)
	require.NoError(t, err)
	growing := OpenRawLog(raw)
	for _, size := range []int{0, 10, len(whole) / 2, len(whole) - 1} {
		require.NoError(t, os.WriteFile(raw, whole[:size], 0o600))
		records, err = growing.Read()
		require.NoError(t, err)
		complete := max(0, bytes.Count(whole[:size], []byte("\n"))-1)
		require.ElementsMatch(t, running.Records()[:complete], records, "a line that is not complete yet is left out")
	}
	require.Len(t, records, 19)

	lines, err := os.Open(samples)
	require.NoError(t, err)
	defer lines.Close()
	count, failed := 0, 0
	for scanner := bufio.NewScanner(lines); scanner.Scan(); {
		var sample Sample
		require.NoError(t, json.Unmarshal(scanner.Bytes(), &sample))
		require.Equal(t, "shop, east", sample.Target)
		count, failed = count+sample.Count, failed+sample.Failed
	}
	require.Equal(t, []int{20, 10}, []int{count, failed})
}

func TestRawLogRefuses(t *testing.T) {
	_, err := OpenRawLog(filepath.Join(t.TempDir(), "none")).Read()
	require.ErrorIs(t, err, os.ErrNotExist)
	for text, names := range map[string]string{
		"a,b\n1,2\n": "its first line",
		"scheduled_ns,lag_us,latency_us,target,version,status,fault,method\n1,2,3,a,b,many,,GET\n": "line 2",
	} {
		path := filepath.Join(t.TempDir(), "raw.csv")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := OpenRawLog(path).Read()
		require.ErrorContains(t, err, names)
	}
	empty := filepath.Join(t.TempDir(), "raw.csv")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	records, err := OpenRawLog(empty).Read()
	require.NoError(t, err)
	require.Empty(t, records, "a run that has just begun")
}

func TestRecords(t *testing.T) {
	start := time.Unix(1000, 0)
	records := Records{}
	for i := range 100 {
		record := Record{
			Scheduled: start.Add(time.Duration(i) * time.Second), Target: "a", Version: "v1", Status: 200,
			Latency: time.Duration(i+1) * time.Millisecond,
		}
		if i%10 == 0 {
			record.Version = "v2"
		}
		records = append(records, record)
	}
	records[7] = Record{Scheduled: start.Add(7 * time.Second), Target: "b", Fault: FaultUnsent}
	records[9].Lag = 5 * time.Second

	between := records.Between(start.Add(5*time.Second), start.Add(10*time.Second))
	require.Len(t, between, 4, "from is in, until is not, and sending decides: request 9 was sent at second 14")
	require.Len(t, records.Of("b").Failed(), 1)
	require.Equal(t, Share{Count: 10, Total: 99}, records.Share("v2"), "the unsent request has no part in it")
	require.Equal(t, map[int]int{200: 99}, records.Statuses())
	require.Equal(t, Latency{P50: 51, P90: 91, P95: 96, P99: 100, Max: 100}, records.Latency())
	require.Equal(t, Latency{}, Records{}.Latency())
}

func TestShare(t *testing.T) {
	share := Share{Count: 103, Total: 1000}
	require.InDelta(t, 0.103, share.Ratio(), 1e-12)
	require.InDelta(t, 0.009612, share.StandardError(), 1e-6)
	require.Equal(t, "103/1000 = 10.30 % ± 0.96 %", share.String())
	require.True(t, share.Within(0.10, 1))
	require.False(t, share.Within(0.15, 3))
	require.Zero(t, Share{}.Ratio())

	require.True(t, WithinStandardErrors(0, 10, 0, 3))
	require.False(t, WithinStandardErrors(0.001, 1000, 0, 3), "a share of zero allows no exception")
	require.False(t, WithinStandardErrors(0, 0, 0, 3), "nothing observed shows nothing")
}

func TestParseConfig(t *testing.T) {
	config, err := ParseConfig([]byte(`
duration: 30s
rawFile: raw.csv
targets:
- name: shop
  url: http://10.0.0.1:8080/
  host: shop.example
  rate: 250.5
  fresh: true
  cookies: {cohort: b}
  versions: [v1, v2]
`))
	require.NoError(t, err)
	require.Equal(t, Config{Duration: 30 * time.Second, RawFile: "raw.csv", Targets: []Target{{
		Name: "shop", URL: "http://10.0.0.1:8080/", Host: "shop.example", Rate: 250.5, Fresh: true,
		Cookies: map[string]string{"cohort": "b"}, Versions: []string{"v1", "v2"},
	}}}, config)
	for text, names := range map[string]string{
		"targets: [{urll: x}]": "urll",
		"duration: 30":         "duration",
		"duration: soon":       "soon",
		"[":                    "parse config",
	} {
		_, err := ParseConfig([]byte(text))
		require.ErrorContains(t, err, names)
	}
}
