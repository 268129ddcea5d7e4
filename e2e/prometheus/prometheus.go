// Package prometheus runs a real Prometheus on the loopback, for tests of what is measured by it.
package prometheus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopping is how long Prometheus may take to end.
const stopping = 30 * time.Second

// Target is what is scraped, with the labels that its series get.
type Target struct {
	// Address is host and port.
	Address string
	Labels  map[string]string
}

// Server is one Prometheus, with its configuration and what it stored, which a stop leaves as it is.
type Server struct {
	binary, dir, address string

	command *exec.Cmd
	said    *output
}

// output is what a program wrote.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// New writes the configuration of a Prometheus into a folder that is empty: it scrapes the targets every second, native
// histograms too. It is not started.
func New(binary, dir string, targets ...Target) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("find a port: %w", err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return nil, fmt.Errorf("find a port: %w", err)
	}
	var config strings.Builder
	config.WriteString("global: {scrape_interval: 1s, scrape_timeout: 1s, scrape_native_histograms: true, always_scrape_classic_histograms: true}\n" +
		"scrape_configs:\n- job_name: app\n  static_configs:\n")
	for _, t := range targets {
		fmt.Fprintf(&config, "  - targets: [%q]\n    labels: {", t.Address)
		for name, value := range t.Labels {
			fmt.Fprintf(&config, "%s: %q, ", name, value)
		}
		config.WriteString("}\n")
	}
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config.String()), 0o600); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	return &Server{binary: binary, dir: dir, address: address}, nil
}

// URL is where it serves, at the same address each time it is started.
func (s *Server) URL() string { return "http://" + s.address }

// Start starts it, until ctx ends or it is stopped. It serves a moment later.
func (s *Server) Start(ctx context.Context) error {
	s.said = &output{}
	s.command = exec.CommandContext(ctx, s.binary,
		"--config.file="+filepath.Join(s.dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(s.dir, "data"),
		"--web.listen-address="+s.address, "--log.level=warn")
	s.command.Stdout, s.command.Stderr = s.said, s.said
	s.command.Cancel = func() error { return s.command.Process.Signal(syscall.SIGTERM) }
	s.command.WaitDelay = stopping
	if err := s.command.Start(); err != nil {
		return fmt.Errorf("start Prometheus: %w", err)
	}
	return nil
}

// Stop ends it in order, and returns when it has ended.
func (s *Server) Stop() error {
	if s.command == nil {
		return nil
	}
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop Prometheus: %w", err)
	}
	err := s.command.Wait()
	s.command = nil
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("stop Prometheus: %w: %s", err, s.Log())
	}
	return nil
}

// Log is what it has said since it was started.
func (s *Server) Log() string {
	s.said.mu.Lock()
	defer s.said.mu.Unlock()
	return s.said.text.String()
}
