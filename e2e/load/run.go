// Package load sends constant streams of requests in an open loop and accounts for every one of them.
//
// Request k of a target is due at start + k/rate, whether or not those before it were answered, and its latency
// counts from then. A request has failed unless an expected version answered it 2xx within the timeout; one that
// could not be sent in time has failed too.
package load

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Run loads the targets for the config's duration or until ctx ends, which is a graceful stop, and reports.
// It blocks for the run and then for at most the timeout, until requests in flight have ended.
// Failed requests are not an error. An error that is ErrRate comes with a full report; others are bad configs and
// files that could not be written.
func Run(ctx context.Context, config Config) (Report, error) {
	run, err := Start(ctx, config)
	if err != nil {
		return Report{}, err
	}
	return run.Wait()
}

// Running is a run under way.
type Running struct {
	config   Config
	start    time.Time
	recorder *recorder
	finished chan struct{}

	stopOnce  sync.Once
	stopped   chan struct{}
	stoppedAt time.Time // valid once stopped is closed
}

// Start begins a run and returns at once; the run ends as that of Run does, or by Stop. Its error is a bad config
// or a file that cannot be created, and then nothing was sent.
func Start(ctx context.Context, config Config) (*Running, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	senders := make([]sender, 0, len(config.Targets))
	for _, target := range config.Targets {
		sender, err := newSender(target, config.Timeout, config.MaxInFlight)
		if err != nil {
			return nil, fmt.Errorf("connect target %q: %w", target.Name, err)
		}
		senders = append(senders, sender)
	}
	recorder, err := newRecorder(config)
	if err != nil {
		return nil, err
	}
	r := &Running{
		config: config, recorder: recorder, start: time.Now(),
		finished: make(chan struct{}), stopped: make(chan struct{}),
	}
	cancelStop := context.AfterFunc(ctx, r.Stop)
	var streams sync.WaitGroup
	for i, target := range config.Targets {
		s := &stream{Running: r, target: target, sender: senders[i], slots: make(chan struct{}, config.MaxInFlight)}
		streams.Go(s.run)
	}
	go func() {
		streams.Wait()
		cancelStop()
		recorder.close()
		close(r.finished)
	}()
	return r, nil
}

// Stop ends the scheduling of requests; those in flight may still end. It does not block and may be called again.
func (r *Running) Stop() {
	r.stopOnce.Do(func() {
		r.stoppedAt = time.Now()
		close(r.stopped)
	})
}

// Records gives the requests that have ended so far, in that order; one in flight is not among them yet. The run
// keeps the same memory: read it only.
func (r *Running) Records() Records { return r.recorder.snapshot() }

// Wait blocks until the run has ended and reports it, with the errors of Run.
func (r *Running) Wait() (Report, error) {
	<-r.finished
	lasted := r.config.Duration
	select {
	case <-r.stopped:
		if ran := r.stoppedAt.Sub(r.start); lasted == 0 || ran < lasted {
			lasted = ran
		}
	default:
	}
	report := summarize(r.config.Targets, r.start, lasted, r.Records())
	report.Examples = r.recorder.examples()
	if err := r.recorder.failure(); err != nil {
		return report, err
	}
	return report, report.checkRate()
}

// stream is the requests of one target.
type stream struct {
	*Running
	target Target
	sender sender
	slots  chan struct{} // one taken per request in flight
}

// run schedules requests until the end of the run and waits for those in flight.
func (s *stream) run() {
	defer s.sender.close()
	var inFlight sync.WaitGroup
	defer inFlight.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for number := 0; ; number++ {
		offset := time.Duration(float64(number) / s.target.Rate * float64(time.Second))
		if s.config.Duration > 0 && offset >= s.config.Duration {
			return
		}
		due := s.start.Add(offset)
		post := number%2 == 1 || s.target.calls()
		if !s.await(timer, due) {
			return
		}
		lag := time.Since(due)
		if lag >= s.config.Timeout {
			s.record(due, 0, 0, post, outcome{err: unsentError(fmt.Sprintf("the scheduler was %s late", lag))})
			continue
		}
		select {
		case s.slots <- struct{}{}:
			inFlight.Go(func() { s.attempt(due, lag, post) })
		default:
			s.record(due, 0, 0, post, outcome{err: unsentError(fmt.Sprintf("%d requests were in flight", cap(s.slots)))})
		}
	}
}

// await blocks until the request is due, and reports false once it cannot be, as the run was stopped before.
// One that was due before the stop is still sent: a timer that fires a little late must not cost it.
func (s *stream) await(timer *time.Timer, due time.Time) bool {
	timer.Reset(time.Until(due))
	select {
	case <-timer.C:
	case <-s.stopped:
	}
	select {
	case <-s.stopped:
		return due.Before(s.stoppedAt)
	default:
		return true
	}
}

func (s *stream) attempt(due time.Time, lag time.Duration, post bool) {
	// The run's own end does not cut a request in flight, so the context is not the run's.
	ctx, cancel := context.WithDeadline(context.Background(), due.Add(s.config.Timeout))
	defer cancel()
	outcome := s.sender.send(ctx, post)
	latency := time.Since(due)
	<-s.slots
	s.record(due, lag, latency, post, outcome)
}

func (s *stream) record(due time.Time, lag, latency time.Duration, post bool, outcome outcome) {
	fault, detail := judge(s.target, s.config.Timeout, latency, outcome)
	s.recorder.add(Record{
		Scheduled: time.Unix(0, due.UnixNano()), // without the monotonic clock, as a reader of the raw log has it
		Lag:       lag.Truncate(time.Microsecond),
		Latency:   latency.Truncate(time.Microsecond),
		Target:    s.target.Name,
		Version:   outcome.version,
		Status:    outcome.status,
		Fault:     fault,
		Post:      post,
	}, detail)
}
