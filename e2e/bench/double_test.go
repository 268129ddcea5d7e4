package bench_test

import (
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// scraped is how often the double pretends to scrape, and edges are the buckets of its histograms, in seconds.
const scraped = 15 * time.Second

var edges = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1}

// double is the query API of a Prometheus that computes its counters.
type double struct {
	*httptest.Server
	// silent has it never answer.
	silent atomic.Bool
	// known are the counters that selectors match.
	known sync.Map

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
		kind, result = "matrix", d.streams(selected, at.Add(-time.Duration(length)*time.Millisecond), at)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{"resultType": kind, "result": result}})
}

// stream is one series with its samples.
type stream struct {
	Metric map[string]string `json:"metric"`
	Values [][2]any          `json:"values"`
}

// streams are the series that a selector matches, of the application that it is about, as they were scraped between two times.
func (d *double) streams(selector string, from, to time.Time) []stream {
	all := []stream{}
	for _, one := range d.matching(selector) {
		s := stream{Metric: one.labels, Values: [][2]any{}}
		for t := from.Truncate(scraped).Add(scraped); !t.After(to); t = t.Add(scraped) {
			count := math.Floor(float64(t.Unix()%(30*24*3600)) * one.rate)
			s.Values = append(s.Values, [2]any{t.Unix(), strconv.FormatFloat(count, 'f', -1, 64)})
		}
		all = append(all, s)
	}
	return all
}

// counter grows by so much a second.
type counter struct {
	labels map[string]string
	rate   float64
}

var (
	application = regexp.MustCompile(`bench-[a-z0-9]+-app-\d+`)
	named       = regexp.MustCompile(`^\s*([a-zA-Z_]\w*)`)
	matcher     = regexp.MustCompile(`(\w+)\s*(=~|=)\s*"((?:[^"\\]|\\.)*)"`)
)

// matching are the counters that a selector matches. What it matched before it does again.
func (d *double) matching(selector string) []counter {
	if known, ok := d.known.Load(selector); ok {
		return known.([]counter)
	}
	wanted := map[string]*regexp.Regexp{}
	if name := named.FindStringSubmatch(selector); name != nil {
		wanted["__name__"] = regexp.MustCompile("^" + name[1] + "$")
	}
	for _, m := range matcher.FindAllStringSubmatch(selector, -1) {
		value, err := strconv.Unquote(`"` + m[3] + `"`)
		if err != nil {
			return nil
		}
		if m[2] == "=" {
			value = regexp.QuoteMeta(value)
		}
		wanted[m[1]] = regexp.MustCompile("^(?:" + value + ")$")
	}
	var found []counter
	for _, one := range counters(application.FindString(selector)) {
		matches := true
		for label, value := range wanted {
			matches = matches && value.MatchString(one.labels[label])
		}
		if matches {
			found = append(found, one)
		}
	}
	d.known.Store(selector, found)
	return found
}

// counters are those that Traefik has of an application: 90 requests a second to stable and 10 to the canary, one in a hundred
// of them an error, with latencies of 20 ms on the average.
func counters(app string) []counter {
	var all []counter
	for service, rate := range map[string]float64{app + "-http-80@kubernetesgateway": 90, app + "-canary-http-80@kubernetesgateway": 10} {
		add := func(name, label, value string, part float64) {
			all = append(all, counter{map[string]string{"__name__": name, "service": service, "method": "GET", "protocol": "http", label: value}, part * rate})
		}
		add("traefik_service_requests_total", "code", "200", 0.99)
		add("traefik_service_requests_total", "code", "500", 0.01)
		for _, edge := range edges {
			add("traefik_service_request_duration_seconds_bucket", "le", strconv.FormatFloat(edge, 'g', -1, 64), 1-math.Exp(-edge/0.02))
		}
		add("traefik_service_request_duration_seconds_bucket", "le", "+Inf", 1)
	}
	return all
}
