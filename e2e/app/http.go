package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	versionHeader = "X-Version"
	// injectedHeader marks the failures that the app was told to answer with, and no others.
	injectedHeader = "X-Injected"
)

// answer is the JSON body of every response to a request for the app.
type answer struct {
	Version string `json:"version"`
	Pod     string `json:"pod"`
	Method  string `json:"method"`
	// Error is empty unless the error ratio chose this request.
	Error string `json:"error,omitempty"`
}

// httpHandler serves the app's own port: the two probes, and the sample answer on every other path.
func (a *app) httpHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
	})
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !a.state.ready() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/", a.serveSample)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(versionHeader, a.config.version)
		// A draining server asks its clients to leave at a response's end: closing idle connections under
		// them, as Shutdown does later, would race with a request on its way.
		if a.state.isDraining() {
			w.Header().Set("Connection", "close")
		}
		mux.ServeHTTP(w, r)
	})
}

func (a *app) serveSample(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	code, body := http.StatusOK, answer{Version: a.config.version, Pod: a.config.pod, Method: r.Method}
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		code, body.Error = http.StatusMethodNotAllowed, "send GET or POST"
	} else if name, value, _ := strings.Cut(a.config.requiredHeader, "="); name != "" && r.Header.Get(name) != value {
		code, body.Error = http.StatusPreconditionFailed, "send the header "+a.config.requiredHeader
	} else {
		_, err := io.Copy(io.Discard, r.Body)
		fail := false
		if err == nil {
			fail, err = a.state.behave(r.Context())
		}
		if err != nil {
			panic(http.ErrAbortHandler) // the client has gone, and returning would answer 200
		}
		if fail {
			code, body.Error = http.StatusInternalServerError, "injected by errorRatio"
			w.Header().Set(injectedHeader, "true")
		}
	}
	// Counted first, so that whoever has the answer finds it in the metrics.
	a.metrics.observe(code, r.Method, time.Since(start))
	encoded, _ := json.Marshal(body) // a struct of strings always encodes
	encoded = append(encoded, '\n')
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(encoded)))
	w.WriteHeader(code)
	_, _ = w.Write(encoded)
}
