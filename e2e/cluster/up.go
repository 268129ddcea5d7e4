package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"crossfade.io/crossfade/e2e/cluster/build"
	"crossfade.io/crossfade/e2e/cluster/image"
	"crossfade.io/crossfade/e2e/cluster/supervisor"
)

// Options say what cluster to bring up.
type Options struct {
	// Checkout is the root of the checkout that the binaries are built from.
	Checkout string
	// ControlPlaneOnly leaves out the container runtime, kubelet, proxy and gateway.
	ControlPlaneOnly bool
	// Istio adds istiod.
	Istio bool
	// Nodes is how many there are to be, 1 to 3; see ParseNodes.
	Nodes int
	// APIServerArgs are flags added to the API server's own.
	APIServerArgs []string
	// Progress is where Up tells what it is doing.
	Progress io.Writer
}

// Up brings the cluster up and returns when it is ready. It is idempotent: a
// healthy cluster is left alone, one that boots is waited for, and what a
// broken start left behind is cleared first. If ctx is done the cluster goes on
// booting; Down removes it.
func (c Cluster) Up(ctx context.Context, options Options) error {
	if os.Geteuid() != 0 {
		return errors.New("start cluster: it needs root, for namespaces and control groups")
	}
	started := time.Now()
	running, err := c.isRunning(options)
	if err != nil {
		return err
	}
	if !running {
		files, err := build.Cluster(ctx, options.Checkout, build.Mode{ControlPlaneOnly: options.ControlPlaneOnly, Istio: options.Istio}, options.Progress)
		if err != nil {
			return err
		}
		if err := c.start(ctx, options, files); err != nil {
			return err
		}
	}
	if err := c.await(ctx, options.Progress); err != nil {
		return err
	}
	return c.summarize(options.Progress, time.Since(started))
}

// isRunning reports whether the wanted cluster runs, ready or not yet. It is an
// error if another one runs under the name, or a broken one.
func (c Cluster) isRunning(options Options) (bool, error) {
	pid, err := c.supervisorPID()
	if err != nil || pid == 0 {
		return false, err
	}
	spec, err := c.readSpec()
	if err != nil {
		return false, err
	}
	if spec.ControlPlaneOnly != options.ControlPlaneOnly || spec.Istio != options.Istio || len(spec.nodes()) != options.Nodes || !slices.Equal(spec.APIServerArgs, options.APIServerArgs) {
		return false, fmt.Errorf("start cluster %s: it runs already, with other options; `cluster down --name %s` first", c.name, c.name)
	}
	return true, nil
}

func (c Cluster) start(ctx context.Context, options Options, files map[string]string) error {
	unlock, err := lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	// Another `up` may have been faster while this one waited for the lock.
	if running, err := c.isRunning(options); running || err != nil {
		return err
	}
	if err := c.clear(ctx); err != nil {
		return err
	}
	spec := Spec{
		Name:             c.name,
		ControlPlaneOnly: options.ControlPlaneOnly,
		Istio:            options.Istio,
		Nodes:            options.Nodes,
		APIServerArgs:    options.APIServerArgs,
		Files:            files,
	}
	return c.launch(ctx, spec)
}

// prepare writes everything that the supervisor and the components read.
func (c Cluster) prepare(spec Spec) error {
	for _, dir := range []string{"logs", "tmp"} {
		if err := os.MkdirAll(c.path(dir), 0o755); err != nil {
			return fmt.Errorf("create folder: %w", err)
		}
	}
	if err := c.writeSpec(spec); err != nil {
		return err
	}
	if err := c.writeCredentials(spec); err != nil {
		return err
	}
	if err := c.writeConfigs(spec); err != nil {
		return err
	}
	if spec.ControlPlaneOnly {
		return nil
	}
	if err := os.MkdirAll(c.path("images"), 0o755); err != nil {
		return fmt.Errorf("create folder: %w", err)
	}
	return image.Write(c.path("images", "pause.tar"), PauseImage, spec.Files["pause"], nil)
}

// await waits until the cluster is ready, telling each phase once.
func (c Cluster) await(ctx context.Context, progress io.Writer) error {
	started, told := time.Now(), ""
	for {
		status, err := supervisor.ReadStatus(c.statusFile())
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if problem := status.Problem(); problem != "" {
			return fmt.Errorf("start cluster %s: %s; logs are in %s, `cluster down --name %s` removes it", c.name, problem, c.logs(), c.name)
		}
		if status.Ready {
			return nil
		}
		if status.Phase != told {
			told = status.Phase
			fmt.Fprintf(progress, "%5.1fs  waiting for %s\n", time.Since(started).Seconds(), told)
		}
		pid, err := c.supervisorPID()
		if err != nil {
			return err
		}
		if pid == 0 {
			return fmt.Errorf("start cluster %s: its first process ended; see %s", c.name, c.path("logs", "supervisor.log"))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for cluster %s: %w; last seen: waiting for %s", c.name, ctx.Err(), told)
		case <-time.After(pollInterval):
		}
	}
}
