package world

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/e2e/load"
)

// GatewayAddress is the gateway's inside the cluster's network.
const GatewayAddress = "10.99.0.1"

// answerTime bounds a request. What is lost is never answered, or refused at once; what is only late, as on a machine that
// is busy with several scenarios, is no loss.
const answerTime = 15 * time.Second

// Load is a run of the load generator inside the cluster's network.
type Load struct {
	command *exec.Cmd
	output  bytes.Buffer
	raw     *load.RawLog
	// inside is a command in its network, and proxy who it is to the mesh.
	inside  func(argv ...string) *exec.Cmd
	proxy   string
	ended   chan struct{}
	failure error // valid once ended
}

// StartLoad loads the targets until Stop, from the network of a node; empty means the first. Its files go to the folder
// dir.
func (w *World) StartLoad(node, dir string, targets ...load.Target) (*Load, error) {
	return w.StartCaller(nil, node, dir, targets...)
}

// StartCaller starts a load by a caller who has these labels in the mesh.
func (w *World) StartCaller(labels map[string]string, node, dir string, targets ...load.Target) (*Load, error) {
	config, err := yaml.Marshal(map[string]any{"targets": targets, "timeout": answerTime.String()})
	if err != nil {
		return nil, fmt.Errorf("encode load: %w", err)
	}
	file, raw := filepath.Join(dir, "load.yaml"), filepath.Join(dir, "requests.csv")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return nil, fmt.Errorf("write load: %w", err)
	}
	if err := os.RemoveAll(raw); err != nil { // a load before this one may have left it
		return nil, fmt.Errorf("remove former raw log: %w", err)
	}
	l := &Load{raw: load.OpenRawLog(raw), proxy: w.caller(), ended: make(chan struct{})}
	l.inside = func(argv ...string) *exec.Cmd { return w.Inside(node, argv...) }
	l.command = w.meshed(l.proxy, labels, node, w.Program("load"), "--config", file, "--duration", "0", "--raw", raw)
	l.command.Stdout, l.command.Stderr = &l.output, &l.output
	// Ctrl-C is for whoever started the load: that one stops it in order.
	l.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := l.command.Start(); err != nil {
		return nil, fmt.Errorf("start load: %w", err)
	}
	go func() {
		defer close(l.ended)
		l.failure = l.command.Wait()
	}()
	return l, nil
}

// Probe sends a few requests to each target from the network of a node, and reports whether all of them were answered as
// expected.
func (w *World) Probe(node, dir string, targets ...load.Target) (bool, error) {
	file, report := filepath.Join(dir, "probe.yaml"), filepath.Join(dir, "probe.json")
	config, err := yaml.Marshal(load.Config{Targets: targets})
	if err != nil {
		return false, fmt.Errorf("encode load: %w", err)
	}
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return false, fmt.Errorf("write load: %w", err)
	}
	// Its exit code tells of the rate alone, which does not matter here.
	_ = w.meshed(w.caller(), nil, node, w.Program("load"), "--config", file, "--duration", "500ms", "--timeout", "1s", "--report", report).Run()
	text, err := os.ReadFile(report)
	if err != nil {
		return false, fmt.Errorf("read report: %w", err)
	}
	var probed load.Report
	if err := json.Unmarshal(text, &probed); err != nil {
		return false, fmt.Errorf("parse report: %w", err)
	}
	return probed.Failed == 0 && probed.Sent > 0, nil
}

// bootstrap tells clients of gRPC where the mesh's control plane is, and, by a name and labels, who they are to it. The cluster's istiod
// takes everybody's word for that.
const bootstrap = `{"xds_servers": [{"server_uri": "127.0.0.1:15010", "channel_creds": [{"type": "insecure"}], "server_features": ["xds_v3"]}],
 "node": {"id": "sidecar~10.99.0.1~%s~default.svc.cluster.local", "metadata": {"GENERATOR": "grpc", "NAMESPACE": "default", "LABELS": %s}}}`

// caller is a name of its own for a client of the mesh.
func (w *World) caller() string { return fmt.Sprintf("load-%d.default", w.callers.Add(1)) }

// meshed is a command inside the network of a node that finds the mesh's control plane, to which it has this name and these
// labels.
func (w *World) meshed(name string, labels map[string]string, node string, argv ...string) *exec.Cmd {
	if labels == nil {
		labels = map[string]string{}
	}
	text, err := json.Marshal(labels)
	if err != nil {
		panic(err) // a map of strings always encodes
	}
	command := w.Inside(node, argv...)
	command.Env = append(os.Environ(), "GRPC_XDS_BOOTSTRAP_CONFIG="+fmt.Sprintf(bootstrap, name, text))
	return command
}

// Records gives the requests that have ended so far; empty before the first.
func (l *Load) Records() (load.Records, error) {
	records, err := l.raw.Read()
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return records, err
}

// Stop ends the load and gives the report for people; it may be called again. Its error says that the rate was not
// kept, or worse.
func (l *Load) Stop() (report string, err error) {
	if err := l.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return "", fmt.Errorf("stop load: %w", err)
	}
	<-l.ended
	if l.failure != nil {
		return l.output.String(), fmt.Errorf("load: %w: %s", l.failure, l.output.String())
	}
	return l.output.String(), nil
}

// MeshConfig is what istiod has configured for the load as its caller, as a proxy would get it.
func (l *Load) MeshConfig() (string, error) {
	const ask = `exec 3<>/dev/tcp/127.0.0.1/15080; printf 'GET /debug/config_dump?proxyID=%s HTTP/1.0\r\n\r\n' >&3; cat <&3`
	output, err := l.inside("bash", "-c", fmt.Sprintf(ask, l.proxy)).Output()
	if err != nil {
		return "", fmt.Errorf("ask istiod for its configuration: %w", err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(output)), nil)
	if err != nil {
		return "", fmt.Errorf("read istiod's answer: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("read istiod's answer: %s: %s: %w", answer.Status, body, err)
	}
	return string(body), nil
}
