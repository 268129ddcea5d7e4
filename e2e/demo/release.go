package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/load"
	"crossfade.io/crossfade/e2e/suite/world"
)

// ship applies the app's Deployment with another version.
func (s *stage) ship(ctx context.Context, version string, flags ...string) error {
	s.app.Version, s.app.Flags = version, flags
	if err := s.Apply(ctx, s.app.Deployment()); err != nil {
		return err
	}
	// A view that ends with the release must begin with it.
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		release, err := s.inFlight(ctx)
		return release != nil, err
	})
	if err != nil {
		return fmt.Errorf("wait for the release of %s: %w", version, err)
	}
	return nil
}

// inFlight gives the Release that has no outcome yet; nil if there is none.
func (s *stage) inFlight(ctx context.Context) (*v1alpha1.Release, error) {
	var releases v1alpha1.ReleaseList
	if err := s.Client.List(ctx, &releases, client.InNamespace(namespace), client.HasLabels{v1alpha1.LabelActive}); err != nil {
		return nil, err
	}
	for i := range releases.Items {
		if releases.Items[i].Status.Outcome == "" {
			return &releases.Items[i], nil
		}
	}
	return nil, nil
}

// crossfade is a call of the CLI, attached to the terminal. The end of ctx interrupts it.
func (s *stage) crossfade(ctx context.Context, args ...string) *exec.Cmd {
	cli := exec.CommandContext(ctx, s.Program("kubectl-crossfade"), append(args, "--namespace", namespace)...)
	cli.Env = append(os.Environ(), "KUBECONFIG="+s.Cluster.Kubeconfig())
	cli.Stdin, cli.Stdout, cli.Stderr = os.Stdin, os.Stdout, os.Stderr
	cli.Cancel = func() error { return cli.Process.Signal(syscall.SIGINT) }
	cli.WaitDelay = 5 * time.Second
	return cli
}

// follow shows the release live until it has ended.
func (s *stage) follow(ctx context.Context) error {
	var complaint bytes.Buffer
	view := s.crossfade(ctx, "status", world.AppName, "--until", "ended")
	view.Stderr = &complaint
	// Its exit code tells whether the release was promoted; one that was aborted is no error here.
	_ = view.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	release, err := s.inFlight(ctx)
	if err == nil && release != nil {
		err = errClosed
	}
	if err != nil && complaint.Len() > 0 {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(complaint.String()))
	}
	return err
}

// followUntilSlow shows the release live until the answers show, at 25 %, that the new version is slow. It returns
// those answers as a table.
func (s *stage) followUntilSlow(ctx context.Context) (slow string, err error) {
	watching, enough := context.WithCancel(ctx)
	defer enough()
	view := s.crossfade(watching, "status", world.AppName, "--watch")
	if err := view.Start(); err != nil {
		return "", fmt.Errorf("show the release: %w", err)
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = view.Wait()
	}()
	defer func() {
		enough()
		<-closed
	}()
	err = wait.PollUntilContextCancel(ctx, 500*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		select {
		case <-closed:
			return false, errClosed
		default:
		}
		slow, err = s.slowAnswers(ctx)
		return slow != "", err
	})
	return slow, err
}

// slowAnswers is a table of the latencies of both versions at 25 %; empty unless it shows that the new one is slow.
func (s *stage) slowAnswers(ctx context.Context) (string, error) {
	release, err := s.inFlight(ctx)
	if err != nil || release == nil {
		return "", err
	}
	for _, step := range release.Status.Steps {
		if step.Name != "quarter" || step.StartedAt == nil {
			continue
		}
		records, err := s.load.Records()
		if err != nil {
			return "", err
		}
		answers := byVersion(records.Between(step.StartedAt.Time, time.Now()))
		if canary := answers[s.app.Version]; len(canary) < told || canary.Latency().P50 < visible {
			return "", nil
		}
		return latencies(answers), nil
	}
	return "", nil
}

func latencies(answers map[string]load.Records) string {
	var text bytes.Buffer
	columns := tabwriter.NewWriter(&text, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(columns, "version\trequests\tfailed\tp50 ms\tp95 ms\t")
	for _, version := range versionsOf(answers) {
		row(columns, version, answers[version])
	}
	columns.Flush()
	return text.String()
}
