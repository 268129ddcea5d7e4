package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/e2e/load"
)

func TestCommand(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(load.VersionHeader, r.Header.Get("Wanted"))
	}))
	t.Cleanup(server.Close)
	config := filepath.Join(t.TempDir(), "config.yaml")
	text := "targets: [{name: shop, url: '" + server.URL + "', rate: 100, headers: {wanted: v1}, versions: [v1]}]\nduration: 1h\n"
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	command := func(args ...string) (exitCode int, stdout, stderr string) {
		var out, errs bytes.Buffer
		exitCode = run(t.Context(), args, &out, &errs)
		return exitCode, out.String(), errs.String()
	}

	reportFile := filepath.Join(t.TempDir(), "report.json")
	for name, args := range map[string][]string{
		"flags":  {"--url", server.URL, "--name=shop", "--rate=100", "--header=wanted=v1", "--expect-version=v1", "--fresh"},
		"a file": {"--config", config},
	} {
		exitCode, stdout, stderr := command(append(args, "--duration=50ms", "--report", reportFile)...)
		require.Zero(t, exitCode, "%s: %s", name, stderr)
		require.Contains(t, stdout, "5 scheduled, 5 sent, 0 failed")
		written, err := os.ReadFile(reportFile)
		require.NoError(t, err)
		var report load.Report
		require.NoError(t, json.Unmarshal(written, &report))
		require.Equal(t, map[int]int{200: 5}, report.Targets[0].Statuses)
	}

	exitCode, _, stderr := command("--url", server.URL, "--rate=1e6", "--duration=1ms", "--timeout=1ns")
	require.Equal(t, 1, exitCode)
	require.Contains(t, stderr, "rate not kept")

	for names, args := range map[string][]string{
		"give --url":       {},
		"rate is -1":       {"--url", server.URL, "--rate=-1"},
		"not with":         {"--config", config, "--rate=5"},
		"no such file":     {"--config", "absent.yaml"},
		"write name=value": {"--url", server.URL, "--header=novalue"},
		"--help":           {"--nonsense"},
		`argument "stray"`: {"stray"},
	} {
		exitCode, _, stderr := command(args...)
		require.Equal(t, 2, exitCode, names)
		require.Contains(t, stderr, names)
	}
}
