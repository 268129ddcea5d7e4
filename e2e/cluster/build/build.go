// Package build makes the programs and files that a cluster consists of, out of
// Go modules, and keeps them in a cache outside the checkout: what was built
// once is never built again.
package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// cacheVariable names another folder for the cache.
const cacheVariable = "CROSSFADE_CACHE"

// reportInterval is how often a long build says that it goes on.
const reportInterval = 30 * time.Second

// lockInterval is how often a build looks whether another one has finished.
const lockInterval = 200 * time.Millisecond

// artifact is one file in the cache.
type artifact interface {
	// name is what the cluster knows the file by.
	name() string
	// key changes whenever the file would.
	key() (version, hash string, err error)
	// make writes the file to path.
	make(ctx context.Context, path string) error
}

// Mode is what a cluster consists of.
type Mode struct {
	// ControlPlaneOnly leaves out the node and the gateway.
	ControlPlaneOnly bool
	// Istio adds istiod; a control plane alone has the definitions of Istio anyway.
	Istio bool
}

// Cluster makes everything that a cluster of the mode needs and returns the
// paths by name. It installs the Debian packages that a node needs and that
// are missing.
func Cluster(ctx context.Context, checkout string, mode Mode, progress io.Writer) (map[string]string, error) {
	if err := ensurePackages(ctx, mode.ControlPlaneOnly, progress); err != nil {
		return nil, err
	}
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, a := range artifacts(checkout, mode) {
		path, err := ensure(ctx, cache, a, progress)
		if err != nil {
			return nil, err
		}
		files[a.name()] = path
	}
	return files, nil
}

// Prometheus makes the Prometheus that sources of metrics are tested with, and returns its path.
func Prometheus(ctx context.Context, checkout string, progress io.Writer) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	return ensure(ctx, cache, prometheus(checkout), progress)
}

func artifacts(checkout string, mode Mode) []artifact {
	all := []artifact{
		kubernetes(checkout),
		gatewayAPI(checkout, mode.ControlPlaneOnly),
	}
	if mode.ControlPlaneOnly {
		return append(all, istioCRDs(checkout), kwok(checkout), kwokStages(checkout))
	}
	if mode.Istio {
		all = append(all, istioCRDs(checkout), istiod(checkout))
	}
	return append(all, traefik(checkout), traefikCRDs(checkout), metricsServer(checkout), pause(checkout))
}

// ensure returns the path of an artifact in the cache and makes it if need be.
func ensure(ctx context.Context, cache string, a artifact, progress io.Writer) (string, error) {
	version, hash, err := a.key()
	if err != nil {
		return "", err
	}
	path := filepath.Join(cache, a.name()+"-"+version+"-"+hash)
	if exists(path) {
		return path, nil
	}
	unlock, err := lock(ctx, cache, progress)
	if err != nil {
		return "", err
	}
	defer unlock()
	// Another checkout may have made it while this one waited.
	if exists(path) {
		return path, nil
	}
	// Made beside its place and then renamed: a file in its place is complete.
	temporary := path + ".partial"
	defer os.Remove(temporary)
	if err := report(ctx, a.name()+" "+version, progress, func() error { return a.make(ctx, temporary) }); err != nil {
		return "", err
	}
	if err := os.Rename(temporary, path); err != nil {
		return "", fmt.Errorf("keep %s: %w", a.name(), err)
	}
	return path, nil
}

// report runs work and tells that it begins, goes on and ends.
func report(ctx context.Context, what string, progress io.Writer, work func() error) error {
	fmt.Fprintf(progress, "building %s ...\n", what)
	started := time.Now()
	done := make(chan error, 1)
	go func() { done <- work() }()
	ticker := time.NewTicker(reportInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			fmt.Fprintf(progress, "building %s ... %.0fs\n", what, time.Since(started).Seconds())
		case err := <-done:
			if err != nil {
				return fmt.Errorf("build %s: %w", what, err)
			}
			fmt.Fprintf(progress, "built %s in %.0fs\n", what, time.Since(started).Seconds())
			return ctx.Err()
		}
	}
}

// lock lets one process at a time build, whichever checkout it belongs to: two
// builds of Kubernetes at once need more memory than many machines have.
func lock(ctx context.Context, cache string, progress io.Writer) (unlock func(), err error) {
	dir, err := os.Open(cache)
	if err != nil {
		return nil, fmt.Errorf("open cache: %w", err)
	}
	for told := false; ; told = true {
		err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = dir.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			_ = dir.Close()
			return nil, fmt.Errorf("lock cache: %w", err)
		}
		if !told {
			fmt.Fprintln(progress, "waiting for another build to finish ...")
		}
		select {
		case <-ctx.Done():
			_ = dir.Close()
			return nil, fmt.Errorf("lock cache: %w", ctx.Err())
		case <-time.After(lockInterval):
		}
	}
}

func cacheDir() (string, error) {
	base := os.Getenv(cacheVariable)
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find cache: %w", err)
		}
		base = filepath.Join(home, ".cache", "crossfade")
	}
	dir := filepath.Join(base, "cluster")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("create cache: %w", err)
	}
	return dir, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
