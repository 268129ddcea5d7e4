package bench_test

import (
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// scraped is how often the double pretends to scrape, and edges are the buckets of its histograms, in seconds.
const scraped = 15 * time.Second

var edges = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1}

// double is the query API of a Prometheus that computes its counters: of any Service, so many requests a second, one in a
// hundred of them an error.
type double struct {
	*httptest.Server
	// silent has it never answer.
	silent atomic.Bool

	mu    sync.Mutex
	asked map[string]int // by what was selected
}

func newDouble(b *testing.B) *double {
	d := &double{asked: map[string]int{}}
	d.Server = httptest.NewServer(d)
	b.Cleanup(func() {
		d.CloseClientConnections()
		d.Close()
	})
	return d
}

// take gives what was asked since the last time, how often by what was selected.
func (d *double) take() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	taken := d.asked
	d.asked = map[string]int{}
	return taken
}

// ranged is a selector with a range, which alone gives samples.
var ranged = regexp.MustCompile(`^(.*)\[(\d+)ms\]$`)

func (d *double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/-/healthy") || strings.HasSuffix(r.URL.Path, "/-/ready") {
		return
	}
	query := r.FormValue("query")
	seconds, err := strconv.ParseFloat(r.FormValue("time"), 64)
	if query == "" || err != nil {
		http.Error(w, "query and time are missing", http.StatusBadRequest)
		return
	}
	found := ranged.FindStringSubmatch(query)
	selected := query
	if found != nil {
		selected = found[1]
	}
	d.mu.Lock()
	d.asked[selected]++
	d.mu.Unlock()
	if d.silent.Load() {
		<-r.Context().Done()
		return
	}
	at := time.UnixMilli(int64(seconds * 1000))
	kind, result := "vector", any([]any{map[string]any{"metric": map[string]string{}, "value": []any{seconds, "0.01"}}})
	if found != nil {
		length, _ := strconv.ParseInt(found[2], 10, 64) // digits alone
		kind, result = "matrix", streams(selected, at.Add(-time.Duration(length)*time.Millisecond), at)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{"resultType": kind, "result": result}})
}

// stream is one series with its samples.
type stream struct {
	Metric map[string]string `json:"metric"`
	Values [][2]any          `json:"values"`
}

// streams are the series of a selector between two times: a counter, or the buckets of a histogram.
func streams(selector string, from, to time.Time) []stream {
	name, _, _ := strings.Cut(selector, "{")
	rate := 90.0
	if strings.Contains(selector, "-canary-") {
		rate = 10
	}
	if strings.Contains(selector, `5..`) {
		rate /= 100
	}
	if !strings.HasSuffix(name, "_bucket") {
		return []stream{counting(map[string]string{"__name__": name, "code": "200"}, rate, from, to)}
	}
	var all []stream
	for _, edge := range edges {
		within := 1 - math.Exp(-edge/0.02) // latencies of 20 ms on the average
		all = append(all, counting(map[string]string{"__name__": name, "le": strconv.FormatFloat(edge, 'g', -1, 64)}, rate*within, from, to))
	}
	return append(all, counting(map[string]string{"__name__": name, "le": "+Inf"}, rate, from, to))
}

// counting is a counter that grows at a rate, as it was scraped.
func counting(labels map[string]string, rate float64, from, to time.Time) stream {
	s := stream{Metric: labels, Values: [][2]any{}}
	for t := from.Truncate(scraped).Add(scraped); !t.After(to); t = t.Add(scraped) {
		count := math.Floor(float64(t.Unix()%(30*24*3600)) * rate)
		s.Values = append(s.Values, [2]any{t.Unix(), strconv.FormatFloat(count, 'f', -1, 64)})
	}
	return s
}
