package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/load"
	"crossfade.io/crossfade/e2e/suite/world"
)

const (
	namespace = "demo"
	// enough is how many requests the demo sends at least.
	enough = 20_000
	// rate is in requests per second, over all targets.
	rate = 200
	// patience bounds what the demo waits for outside releases.
	patience = 2 * time.Minute
	// visible is the median latency from which a version counts as slow.
	visible load.Millis = 300
	// told is how many answers of a version its latency is told from.
	told = 200
)

// errClosed is the error of a demo whose view somebody closed.
var errClosed = errors.New("the view was closed before the release had ended")

// stage is a sample app under load.
type stage struct {
	*world.World
	app  world.App
	load *world.Load
}

// show runs both releases and prints what became of the requests.
func show(ctx context.Context, w *world.World) (sent, failed int, err error) {
	scratch, err := os.MkdirTemp("", "crossfade-demo-*")
	if err != nil {
		return 0, 0, fmt.Errorf("create folder: %w", err)
	}
	defer os.RemoveAll(scratch)
	s := &stage{World: w, app: world.App{Namespace: namespace, Host: "demo.test", Version: "v1", Replicas: 4}}
	say("deploying the sample app, version v1, with a Rollout")
	if err := s.deploy(ctx); err != nil {
		return 0, 0, err
	}
	say("loading it with %d requests a second", rate)
	if err := s.startLoad(ctx, scratch); err != nil {
		return 0, 0, err
	}
	released := s.release(ctx)
	if released == nil {
		released = s.awaitRequests(ctx)
	}
	_, stopped := s.load.Stop()
	records, read := s.load.Records()
	err = errors.Join(released, stopped, read)
	if len(records) > 0 {
		var releases v1alpha1.ReleaseList
		listing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, s.Client.List(listing, &releases, client.InNamespace(namespace)))
		fmt.Println()
		fmt.Print(table(records, releases.Items))
	}
	return len(records), len(records.Failed()), err
}

// release ships v2, which is promoted, and v3, which is slow and is taken back.
func (s *stage) release(ctx context.Context) error {
	say("shipping v2: kubectl apply, as always")
	if err := s.ship(ctx, "v2"); err != nil {
		return err
	}
	if err := s.follow(ctx); err != nil {
		return err
	}
	say("shipping v3, which answers correctly, but 400 ms slower")
	if err := s.ship(ctx, "v3", "--latency=400ms"); err != nil {
		return err
	}
	slow, err := s.followUntilSlow(ctx)
	if err != nil {
		return err
	}
	say("v3 is slow, as these answers since it has 25 %% show:\n\n%s", slow)
	say("aborting: kubectl crossfade abort app")
	if err := s.crossfade(ctx, "abort", world.AppName).Run(); err != nil {
		return fmt.Errorf("abort the release of v3: %w", err)
	}
	return s.follow(ctx)
}

// deploy puts the app and its Rollout into the cluster, anew if it was there.
func (s *stage) deploy(ctx context.Context) error {
	home := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if err := client.IgnoreNotFound(s.Client.Delete(ctx, home)); err != nil {
		return fmt.Errorf("delete namespace %s: %w", namespace, err)
	}
	err := wait.PollUntilContextTimeout(ctx, time.Second, patience, true, func(ctx context.Context) (bool, error) {
		return s.Client.Create(ctx, home.DeepCopy()) == nil, nil
	})
	if err != nil {
		return fmt.Errorf("create namespace %s: %w", namespace, err)
	}
	if err := errors.Join(s.Apply(ctx, s.app.Deployment()), s.Apply(ctx, s.app.Service()), s.Apply(ctx, s.app.Route())); err != nil {
		return err
	}
	hold := func(seconds int) *v1alpha1.Hold { return &v1alpha1.Hold{For: world.Seconds(seconds)} }
	rollout := s.app.Rollout(
		world.Weighted("first", 10, hold(8)), world.Weighted("quarter", 25, hold(15)),
		world.Weighted("half", 50, hold(8)), world.Weighted("most", 90, hold(8)))
	rollout.Spec.Timing = v1alpha1.Timing{Settle: world.Seconds(3), Drain: world.Seconds(5)}
	if err := s.Client.Create(ctx, rollout); err != nil {
		return fmt.Errorf("create Rollout: %w", err)
	}
	err = wait.PollUntilContextTimeout(ctx, time.Second, patience, true, func(ctx context.Context) (bool, error) {
		err := s.Client.Get(ctx, client.ObjectKeyFromObject(rollout), rollout)
		return err == nil && meta.IsStatusConditionTrue(rollout.Status.Conditions, v1alpha1.ConditionArmed), nil
	})
	if err != nil {
		return fmt.Errorf("wait until the Rollout is armed: %w", err)
	}
	return nil
}

// startLoad begins once every way to the app works: through the gateway, and to the ClusterIP.
func (s *stage) startLoad(ctx context.Context, scratch string) error {
	service := &corev1.Service{}
	if err := s.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: world.AppName}, service); err != nil {
		return fmt.Errorf("read Service: %w", err)
	}
	inside, versions := "http://"+service.Spec.ClusterIP+"/", []string{"v1", "v2", "v3"}
	targets := []load.Target{
		{Name: "gateway", URL: s.app.URL(world.GatewayAddress), Host: s.app.Host, Rate: rate * 0.5, Versions: versions},
		{Name: "gateway, fresh connections", URL: s.app.URL(world.GatewayAddress), Host: s.app.Host, Rate: rate * 0.25, Fresh: true, Versions: versions},
		{Name: "ClusterIP", URL: inside, Rate: rate * 0.15, Versions: versions},
		{Name: "ClusterIP, fresh connections", URL: inside, Rate: rate * 0.10, Fresh: true, Versions: versions},
	}
	err := wait.PollUntilContextTimeout(ctx, time.Second, patience, true, func(context.Context) (bool, error) {
		return s.Probe("", scratch, targets...)
	})
	if err != nil {
		return fmt.Errorf("wait until the app answers: %w", err)
	}
	s.load, err = s.StartLoad("", scratch, targets...)
	return err
}

// awaitRequests lets the load go on until enough requests have been sent.
func (s *stage) awaitRequests(ctx context.Context) error {
	return wait.PollUntilContextCancel(ctx, time.Second, true, func(context.Context) (bool, error) {
		records, err := s.load.Records()
		return len(records) >= enough, err
	})
}
