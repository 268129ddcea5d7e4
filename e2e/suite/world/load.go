package world

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/e2e/load"
)

// Gateway is the gateway's address inside the cluster's network.
const Gateway = "http://10.99.0.1:80/"

// Load is a run of the load generator inside the cluster's network.
type Load struct {
	command *exec.Cmd
	output  bytes.Buffer
	raw     string
	ended   chan error
}

// StartLoad loads the targets until Stop; its files go to the folder dir.
func (w *World) StartLoad(dir string, targets ...load.Target) (*Load, error) {
	config, err := yaml.Marshal(load.Config{Targets: targets})
	if err != nil {
		return nil, fmt.Errorf("encode load: %w", err)
	}
	file, raw := filepath.Join(dir, "load.yaml"), filepath.Join(dir, "requests.csv")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return nil, fmt.Errorf("write load: %w", err)
	}
	l := &Load{raw: raw, ended: make(chan error, 1)}
	l.command = w.Inside(filepath.Join(w.bin, "load"), "--config", file, "--duration", "0", "--raw", raw)
	l.command.Stdout, l.command.Stderr = &l.output, &l.output
	// Ctrl-C is for whoever started the load: that one stops it in order.
	l.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := l.command.Start(); err != nil {
		return nil, fmt.Errorf("start load: %w", err)
	}
	go func() { l.ended <- l.command.Wait() }()
	return l, nil
}

// Records gives the requests that have ended so far; empty before the first.
func (l *Load) Records() (load.Records, error) {
	records, err := load.ReadRaw(l.raw)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return records, err
}

// Stop ends the load and gives the report for people. Its error says that the rate was not kept, or worse.
func (l *Load) Stop() (report string, err error) {
	if err := l.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return "", fmt.Errorf("stop load: %w", err)
	}
	if err := <-l.ended; err != nil {
		return l.output.String(), fmt.Errorf("load: %w: %s", err, l.output.String())
	}
	return l.output.String(), nil
}
