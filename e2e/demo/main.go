// Command demo ships two versions of a sample app on a cluster of its own, under a constant load: a good one, and one
// that answers correctly but slowly and is taken back. It exits with 0 if not one request failed.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"crossfade.io/crossfade/e2e/suite/world"
)

// errFailed is the error of a demo that ran to its end and lost requests.
var errFailed = errors.New("requests failed")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	interrupted := ctx.Err() != nil
	stop()
	switch {
	case errors.Is(err, errFailed): // they have been counted in the last line
	case interrupted:
		fmt.Fprintln(os.Stderr, "demo: interrupted")
	case err != nil:
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
	if err != nil {
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	say("building the programs; the first time takes a while")
	w, err := world.Prepare(ctx)
	if w != nil {
		defer w.Close()
	}
	if err != nil {
		return err
	}
	// Said at the very end, when the cluster is gone: it is what a script reads.
	verdict := ""
	defer func() {
		if verdict != "" {
			fmt.Println(verdict)
		}
	}()
	defer func() { err = errors.Join(err, leave(ctx, w)) }()
	if err := setUp(ctx, w); err != nil {
		return err
	}
	sent, failed, err := show(ctx, w)
	if sent > 0 {
		verdict = fmt.Sprintf("requests %d, failed %d", sent, failed)
	}
	if err != nil {
		return err
	}
	if sent < enough {
		return fmt.Errorf("only %d requests were sent, at least %d are to be shown", sent, enough)
	}
	if failed > 0 {
		return errFailed
	}
	return nil
}

// setUp brings up the cluster with Crossfade in it.
func setUp(ctx context.Context, w *world.World) error {
	say("starting a Kubernetes cluster; its parts are built the first time, which takes many minutes")
	if err := w.Up(ctx, os.Stdout); err != nil {
		return err
	}
	if err := w.Connect(); err != nil {
		return err
	}
	say("building Crossfade, the sample app and the CLI")
	if err := w.LoadImages(ctx); err != nil {
		return err
	}
	if err := w.Build(ctx, ".", "./cmd/kubectl-crossfade"); err != nil {
		return err
	}
	say("installing Crossfade with its Helm chart")
	return w.Install(ctx)
}

// leave takes the cluster down, unless it is to be kept.
func leave(ctx context.Context, w *world.World) error {
	if os.Getenv("KEEP") != "" && w.Client != nil {
		fmt.Printf(`
The cluster stays up. To look around and to release more:

  export KUBECONFIG=%s
  kubectl -n %s get rollouts.crossfade.io,releases,pods
  kubectl -n %s set env deployment/app APP_LATENCY=50ms    # a new template, which is released by the steps
  go run ./cmd/kubectl-crossfade status app -n %s --watch
  make cluster-down                                         # ends it

`, w.Cluster.Kubeconfig(), namespace, namespace, namespace)
		return nil
	}
	say("taking the cluster down")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	return w.Down(ctx, os.Stdout)
}

// say tells what the demo does now.
func say(format string, values ...any) {
	fmt.Printf("\n▸ "+format+"\n", values...)
}
