// Package supervisor is the first process of a cluster's PID namespace: it
// starts the components, adopts and reaps everything else, and reports what
// died. It restarts nothing, so that no crash stays hidden.
package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Component is a long-running process of the cluster.
type Component struct {
	// Name identifies the component in the status and names its log file.
	Name string
	// Argv is the program and its arguments.
	Argv []string
	// Env are the only variables that it sees.
	Env []string
}

// Supervisor starts and reaps processes. There must be only one in a process,
// and nothing else in that process may start children: it waits for them all.
type Supervisor struct {
	logs   string
	report string

	mu       sync.Mutex
	status   Status
	children map[int]func(syscall.WaitStatus)
}

// New starts reaping. Logs go to the directory logs, one file for each
// component; the status goes to the file report.
func New(logs, report string) *Supervisor {
	s := &Supervisor{logs: logs, report: report, children: map[int]func(syscall.WaitStatus){}}
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	go func() {
		for range died {
			s.reap()
		}
	}()
	return s
}

// Start starts a component. When it exits, the status says so.
func (s *Supervisor) Start(component Component) error {
	log, err := os.OpenFile(s.logPath(component.Name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log of %s: %w", component.Name, err)
	}
	defer log.Close()

	s.mu.Lock()
	defer s.mu.Unlock()
	pid, err := s.spawn(component.Argv, component.Env, log, func(status syscall.WaitStatus) {
		s.exited(component.Name, status)
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", component.Name, err)
	}
	slog.Info("Started component", "component", component.Name, "pid", pid)
	s.status.Components = append(s.status.Components, ComponentStatus{Name: component.Name, Started: time.Now()})
	return s.write()
}

// Run runs a program to its end and returns an error, with what it printed,
// unless it exits with zero.
func (s *Supervisor) Run(ctx context.Context, argv ...string) error {
	output, err := os.CreateTemp("", "run-*")
	if err != nil {
		return fmt.Errorf("open output of %s: %w", argv[0], err)
	}
	defer os.Remove(output.Name())
	defer output.Close()

	done := make(chan syscall.WaitStatus, 1)
	s.mu.Lock()
	_, err = s.spawn(argv, os.Environ(), output, func(status syscall.WaitStatus) { done <- status })
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("run %s: %w", strings.Join(argv, " "), err)
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("run %s: %w", strings.Join(argv, " "), ctx.Err())
	case status := <-done:
		if status.Exited() && status.ExitStatus() == 0 {
			return nil
		}
		printed, _ := os.ReadFile(output.Name())
		return fmt.Errorf("run %s: %s: %s", strings.Join(argv, " "), describe(status), strings.TrimSpace(string(printed)))
	}
}

// spawn starts a process with output as its standard output and error. The
// caller holds the lock, so that the process is known before it can be reaped.
func (s *Supervisor) spawn(argv, env []string, output *os.File, exited func(syscall.WaitStatus)) (int, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	process, err := os.StartProcess(argv[0], argv, &os.ProcAttr{
		Env:   env,
		Files: []*os.File{null, output, output},
		// Its own process group: a signal to one component reaches no other.
		Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return 0, err
	}
	s.children[process.Pid] = exited
	pid := process.Pid
	return pid, process.Release()
}

// reap waits for every process that has died, children and adopted orphans.
func (s *Supervisor) reap() {
	for {
		var status syscall.WaitStatus
		// Under the lock, so that a child that dies at once is not taken for an orphan.
		s.mu.Lock()
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		exited := s.children[pid]
		delete(s.children, pid)
		s.mu.Unlock()
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		if exited != nil {
			exited(status)
		}
	}
}

func (s *Supervisor) exited(name string, status syscall.WaitStatus) {
	slog.Error("Component exited", "component", name, "status", describe(status))
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for i := range s.status.Components {
		if s.status.Components[i].Name == name {
			s.status.Components[i].Exited = &now
			s.status.Components[i].Exit = describe(status)
		}
	}
	if err := s.write(); err != nil {
		slog.Error("Status was not written", "error", err)
	}
}

func (s *Supervisor) logPath(component string) string {
	return filepath.Join(s.logs, component+".log")
}

func describe(status syscall.WaitStatus) string {
	if status.Signaled() {
		return "signal " + status.Signal().String()
	}
	return fmt.Sprintf("exit code %d", status.ExitStatus())
}
