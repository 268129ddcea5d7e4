package supervisor

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// Status is what a cluster tells about itself, in a file that the supervisor
// rewrites at each change.
type Status struct {
	// Phase says in words what is being waited for, until Ready.
	Phase string `json:"phase"`
	// Ready is set once, when the cluster is complete.
	Ready bool `json:"ready"`
	// Failure says why the cluster will never be ready; empty if it may.
	Failure string `json:"failure,omitempty"`
	// Components are in the order of their start.
	Components []ComponentStatus `json:"components"`
}

// ComponentStatus tells about one process.
type ComponentStatus struct {
	Name    string     `json:"name"`
	Started time.Time  `json:"started"`
	Exited  *time.Time `json:"exited,omitempty"`
	// Exit is how it ended, such as "exit code 1"; empty while it runs.
	Exit string `json:"exit,omitempty"`
}

// Dead lists the components that have exited, each with how.
func (s Status) Dead() []string {
	var dead []string
	for _, component := range s.Components {
		if component.Exited != nil {
			dead = append(dead, fmt.Sprintf("%s (%s)", component.Name, component.Exit))
		}
	}
	return dead
}

// Problem says in one line what is wrong, or nothing.
func (s Status) Problem() string {
	if s.Failure != "" {
		return s.Failure
	}
	if dead := s.Dead(); len(dead) > 0 {
		return "components died: " + strings.Join(dead, ", ")
	}
	return ""
}

// ReadStatus reads the status file. The error wraps fs.ErrNotExist until the
// supervisor has written it once.
func ReadStatus(path string) (Status, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return Status{}, fmt.Errorf("read status: %w", err)
	}
	var status Status
	if err := json.Unmarshal(content, &status); err != nil {
		return Status{}, fmt.Errorf("parse status %s: %w", path, err)
	}
	return status, nil
}

// Enter notes what the cluster waits for now.
func (s *Supervisor) Enter(phase string) error {
	return s.update(func(status *Status) { status.Phase = phase })
}

// Complete notes that the cluster is ready.
func (s *Supervisor) Complete() error {
	return s.update(func(status *Status) { status.Phase, status.Ready = "ready", true })
}

// Fail notes that the cluster will never be ready.
func (s *Supervisor) Fail(cause error) error {
	return s.update(func(status *Status) { status.Failure = cause.Error() })
}

// Problem says what is wrong with the components, or nothing.
func (s *Supervisor) Problem() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status.Problem()
}

func (s *Supervisor) update(change func(*Status)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.status)
	return s.write()
}

// write replaces the status file at once, so that a reader never sees half of
// it. The caller holds the lock.
func (s *Supervisor) write() error {
	content, err := json.MarshalIndent(s.status, "", "  ")
	if err != nil {
		return fmt.Errorf("encode status: %w", err)
	}
	temporary := s.report + ".new"
	if err := os.WriteFile(temporary, content, 0o644); err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	if err := os.Rename(temporary, s.report); err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	return nil
}
