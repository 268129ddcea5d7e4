package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// settings are what the admin port may change while the app serves.
type settings struct {
	// ErrorRatio is the share of requests answered with an error, 0–1.
	ErrorRatio float64 `json:"errorRatio"`
	// Latency is waited out before every answer; zero answers at once.
	Latency duration `json:"latency"`
	// Jitter adds a random wait, uniform in [0, Jitter), to Latency.
	Jitter duration `json:"jitter"`
	// Work is the processor time spent on every answer.
	Work duration `json:"work"`
	// Ready is what the readiness probes report, until the app drains.
	Ready bool `json:"ready"`
}

// duration is a time.Duration that flags, the environment and JSON write as "250ms".
type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

func (s settings) validate() error {
	if !(s.ErrorRatio >= 0 && s.ErrorRatio <= 1) {
		return fmt.Errorf("errorRatio is %v: give a number from 0 to 1", s.ErrorRatio)
	}
	if s.Latency < 0 || s.Jitter < 0 || s.Work < 0 {
		return errors.New("latency, jitter and work cannot be negative: give durations such as 50ms")
	}
	return nil
}

// state is the settings in force and whether the app drains; every server reads it.
type state struct {
	// health mirrors readiness into the gRPC health service.
	health *health.Server

	mu       sync.RWMutex
	current  settings
	draining bool
}

func newState(initial settings) *state {
	s := &state{health: health.NewServer(), current: initial}
	s.publishReadiness()
	return s
}

func (s *state) settings() settings {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.current
}

// update reads a partial JSON object over the current settings: a field left out keeps its value.
// On an error nothing changes.
func (s *state) update(partial io.Reader) (settings, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.current
	decoder := json.NewDecoder(partial)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&next); err != nil {
		return s.current, fmt.Errorf(
			"read settings: %w; send a JSON object with any of errorRatio, latency, jitter, work, ready (version is set at start only)", err)
	}
	if err := next.validate(); err != nil {
		return s.current, err
	}
	s.current = next
	s.publishReadiness()
	return next, nil
}

// drain makes the app unready for good.
func (s *state) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	s.publishReadiness()
}

func (s *state) isDraining() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.draining
}

func (s *state) ready() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.current.Ready && !s.draining
}

func (s *state) publishReadiness() {
	status := grpc_health_v1.HealthCheckResponse_NOT_SERVING
	if s.current.Ready && !s.draining {
		status = grpc_health_v1.HealthCheckResponse_SERVING
	}
	s.health.SetServingStatus("", status)
}

// behave works, waits out the latency in force and reports whether this request is one of those to fail. Its error is
// mostly the context's.
func (s *state) behave(ctx context.Context) (fail bool, err error) {
	now := s.settings()
	if err := spend(time.Duration(now.Work)); err != nil {
		return false, err
	}
	wait := time.Duration(now.Latency)
	if now.Jitter > 0 {
		wait += rand.N(time.Duration(now.Jitter))
	}
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	return rand.Float64() < now.ErrorRatio, nil
}
