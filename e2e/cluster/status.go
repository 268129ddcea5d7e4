package cluster

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"crossfade.io/crossfade/e2e/cluster/supervisor"
)

// Status tells how the cluster is. Its error says what is wrong.
func (c Cluster) Status(out io.Writer) error {
	if _, err := c.running(); err != nil {
		return err
	}
	status, err := supervisor.ReadStatus(c.statusFile())
	if err != nil {
		return err
	}
	state := status.Phase
	if status.Problem() != "" {
		state = "broken"
	}
	fmt.Fprintf(out, "cluster %s: %s\n", c.name, state)
	for _, component := range status.Components {
		state := "running since " + component.Started.Format(time.TimeOnly)
		if component.Exited != nil {
			state = fmt.Sprintf("DIED at %s: %s", component.Exited.Format(time.TimeOnly), component.Exit)
		}
		fmt.Fprintf(out, "  %-24s %s\n", component.Name, state)
	}
	if problem := status.Problem(); problem != "" {
		return fmt.Errorf("check cluster %s: %s", c.name, problem)
	}
	if !status.Ready {
		return fmt.Errorf("check cluster %s: not ready, waiting for %s", c.name, status.Phase)
	}
	return nil
}

// Logs copies what a component has printed. Without a name it lists the logs.
func (c Cluster) Logs(component string, out io.Writer) error {
	if component == "" {
		files, err := filepath.Glob(c.path("logs", "*.log"))
		if err != nil {
			return fmt.Errorf("list logs: %w", err)
		}
		for _, file := range files {
			fmt.Fprintln(out, strings.TrimSuffix(filepath.Base(file), ".log"))
		}
		return nil
	}
	// A name, not a path: it must not lead out of the folder.
	file, err := os.Open(c.path("logs", filepath.Base(component)+".log"))
	if err != nil {
		return fmt.Errorf("open log of %s: %w", component, err)
	}
	defer file.Close()
	if _, err := io.Copy(out, file); err != nil {
		return fmt.Errorf("read log of %s: %w", component, err)
	}
	return nil
}

func (c Cluster) summarize(out io.Writer, took time.Duration) error {
	spec, err := c.readSpec()
	if err != nil {
		return err
	}
	kind := "full"
	if spec.ControlPlaneOnly {
		kind = "control plane only"
	}
	if count := len(spec.nodes()); count > 1 {
		kind += fmt.Sprintf(", %d nodes", count)
	}
	fmt.Fprintf(out, "\nCluster %s (%s) is ready after %.1fs.\n\n", c.name, kind, took.Seconds())
	fmt.Fprintf(out, "  export KUBECONFIG=%s\n", c.Kubeconfig())
	fmt.Fprintf(out, "  API server   https://127.0.0.1:%d\n", spec.APIPort)
	if !spec.ControlPlaneOnly {
		fmt.Fprintf(out, "  gateway      http://127.0.0.1:%d  (inside: http://%s:%d, metrics on port %d)\n",
			spec.HTTPPort, spec.nodes()[0].IP(), gatewayPort, metricsPort)
		fmt.Fprintf(out, "  load images  cluster load-binary --name %s --image NAME:TAG BINARY\n", c.name)
	}
	fmt.Fprintf(out, "  run inside   cluster exec --name %s -- COMMAND...\n", c.name)
	fmt.Fprintf(out, "  audit log    %s\n", c.AuditLog())
	fmt.Fprintf(out, "  remove       cluster down --name %s\n", c.name)
	return nil
}
