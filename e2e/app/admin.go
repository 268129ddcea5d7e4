package main

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics counts the requests for the sample answer; probes and the admin port are not counted.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	// seconds is called and labelled as OpenTelemetry does it.
	seconds *prometheus.HistogramVec
}

func newMetrics(version string) *metrics {
	labels, constant := []string{"code", "method"}, prometheus.Labels{"version": version}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total", Help: "Requests answered.", ConstLabels: constant,
		}, labels),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_server_request_duration_seconds", Help: "Time from request to answer, seconds.", ConstLabels: constant,
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"http_response_status_code", "http_request_method"}),
	}
	m.registry.MustRegister(m.requests, m.seconds,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	// Series exist at zero from the first scrape on, or rate() would miss all that came before it.
	for _, code := range []int{http.StatusOK, http.StatusInternalServerError} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			m.requests.WithLabelValues(strconv.Itoa(code), method)
			m.seconds.WithLabelValues(strconv.Itoa(code), method)
		}
	}
	return m
}

func (m *metrics) observe(code int, method string, took time.Duration) {
	if method != http.MethodGet && method != http.MethodPost {
		method = "other"
	}
	m.requests.WithLabelValues(strconv.Itoa(code), method).Inc()
	m.seconds.WithLabelValues(strconv.Itoa(code), method).Observe(took.Seconds())
}

// adminHandler serves GET and PUT /settings, and /metrics.
func (a *app) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /settings", func(w http.ResponseWriter, _ *http.Request) {
		a.writeSettings(w, a.state.settings())
	})
	mux.HandleFunc("PUT /settings", func(w http.ResponseWriter, r *http.Request) {
		next, err := a.state.update(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		a.writeSettings(w, next)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{}))
	return mux
}

func (a *app) writeSettings(w http.ResponseWriter, current settings) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(struct {
		Version string `json:"version"`
		settings
	}{a.config.version, current})
}
