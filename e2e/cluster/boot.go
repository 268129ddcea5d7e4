package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"crossfade.io/crossfade/e2e/cluster/acceptor"
	"crossfade.io/crossfade/e2e/cluster/supervisor"
)

// Files that the supervisor inherits from `up`, after the standard three.
const (
	gateFile = 3 + iota
	apiListenerFile
	gatewayListenerFile
)

// bootTime is how long a cluster may take to become ready, on a busy machine.
const bootTime = 3 * time.Minute

// boot brings a cluster up, as the first process in its namespaces.
type boot struct {
	Cluster
	spec   Spec
	sup    *supervisor.Supervisor
	client *rest.Config
	// machines of all nodes but the first, by name. That one is the cluster's own.
	machines map[string]machine
}

// Supervise runs a cluster until it is killed. It is for the process that `up`
// starts and for no other.
func Supervise(name string) error {
	c, err := Open(name)
	if err != nil {
		return err
	}
	if err := awaitGate(); err != nil {
		return err
	}
	spec, err := c.readSpec()
	if err != nil {
		return err
	}
	if err := c.isolateMounts(spec); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	b := &boot{Cluster: c, spec: spec, sup: supervisor.New(c.logs(), c.statusFile()), machines: map[string]machine{}}
	if err := b.run(ctx); err != nil {
		slog.Error("Cluster is not ready", "error", err)
		if err := b.sup.Fail(err); err != nil {
			return err
		}
	}
	// Even then it stays: the components that run and the logs tell why.
	<-ctx.Done()
	return nil
}

// awaitGate blocks until `up` has put this process where `down` will find it.
// If `up` dies before that, the pipe ends without a byte and so does this process.
func awaitGate() error {
	gate := os.NewFile(gateFile, "gate")
	defer gate.Close()
	var opened [1]byte
	if _, err := io.ReadFull(gate, opened[:]); err != nil {
		return fmt.Errorf("wait for the launcher: %w", err)
	}
	return nil
}

func (b *boot) run(parent context.Context) error {
	ctx, cancel := context.WithTimeout(parent, bootTime)
	defer cancel()
	if err := b.startMachines(); err != nil {
		return err
	}
	if err := b.connectNodes(ctx); err != nil {
		return err
	}
	if err := b.forward(parent); err != nil {
		return err
	}
	if err := b.startControlPlane(ctx); err != nil {
		return err
	}
	steps := []step{
		{"first objects", b.installBase},
		{"node", b.startNodes},
		{"Gateway API", b.awaitDefinitions},
		// An acceptor lives as long as the cluster, not only while it boots.
		{"gateway controller", func(context.Context) error { return b.startGateway(parent) }},
		{"Gateway", b.installGateway},
		{"istiod", b.startIstio},
		{"node to be ready", b.awaitNode},
		{"Gateway to be programmed", b.awaitGateway},
		{"service accounts", b.awaitServiceAccount},
	}
	for _, s := range steps {
		if err := b.sup.Enter(s.phase); err != nil {
			return err
		}
		if err := s.run(ctx); err != nil {
			return fmt.Errorf("wait for %s: %w", s.phase, err)
		}
	}
	slog.Info("Cluster is ready")
	return b.sup.Complete()
}

type step struct {
	phase string
	run   func(context.Context) error
}

// forward makes the API server and the gateway reachable from outside, through
// the listeners that `up` opened there.
func (b *boot) forward(ctx context.Context) error {
	targets := map[int]string{apiListenerFile: fmt.Sprintf("127.0.0.1:%d", apiPort)}
	if !b.spec.ControlPlaneOnly {
		targets[gatewayListenerFile] = fmt.Sprintf("%s:%d", b.spec.nodes()[0].IP(), gatewayPort)
	}
	for fd, target := range targets {
		file := os.NewFile(uintptr(fd), "listener")
		listener, err := net.FileListener(file)
		if err != nil {
			return fmt.Errorf("inherit listener for %s: %w", target, err)
		}
		_ = file.Close()
		go supervisor.Forward(ctx, listener, target)
	}
	return nil
}

func (b *boot) startControlPlane(ctx context.Context) error {
	if err := b.sup.Enter("API server"); err != nil {
		return err
	}
	components := []supervisor.Component{b.etcd(), b.apiServer(), b.controllerManager(), b.scheduler()}
	for i, component := range components {
		// The API server waits for etcd by itself; the others would only burn
		// processor time, of which it needs all, until it answers.
		if i == 2 {
			if err := b.awaitAPIServer(ctx); err != nil {
				return fmt.Errorf("wait for API server: %w", err)
			}
		}
		if err := b.sup.Start(component); err != nil {
			return err
		}
	}
	return nil
}

func (b *boot) awaitAPIServer(ctx context.Context) error {
	config, err := clientcmd.BuildConfigFromFlags("", b.InternalKubeconfig())
	if err != nil {
		return fmt.Errorf("read kubeconfig: %w", err)
	}
	// The default of five requests a second would make most of the start a wait.
	config.QPS, config.Burst = 200, 400
	b.client = config
	client, err := rest.UnversionedRESTClientFor(unversioned(config))
	if err != nil {
		return fmt.Errorf("create client: %w", err)
	}
	return b.until(ctx, func(ctx context.Context) error {
		return client.Get().AbsPath("/readyz").Do(ctx).Error()
	})
}

func (b *boot) startNodes(ctx context.Context) error {
	if b.spec.ControlPlaneOnly {
		return b.sup.Start(b.kwok())
	}
	all, ctx := errgroup.WithContext(ctx)
	for _, n := range b.spec.nodes() {
		all.Go(func() error {
			return b.on(n, func() error { return b.startNode(ctx, n) })
		})
	}
	return all.Wait()
}

// startNode starts what a node consists of. The caller is on the node's machine.
func (b *boot) startNode(ctx context.Context, n node) error {
	if err := b.sup.Start(b.containerd(n)); err != nil {
		return err
	}
	pause := b.path("images", "pause.tar")
	err := b.until(ctx, func(ctx context.Context) error { return b.sup.Run(ctx, b.importCommand(n, pause)...) })
	if err != nil {
		return err
	}
	for _, component := range []supervisor.Component{b.kubelet(n), b.proxy(n)} {
		if err := b.sup.Start(component); err != nil {
			return err
		}
	}
	return nil
}

func (b *boot) startGateway(ctx context.Context) error {
	if b.spec.ControlPlaneOnly {
		go b.runAcceptor(ctx)
		return nil
	}
	return b.sup.Start(b.traefik())
}

// startIstio starts istiod, where there is to be one.
func (b *boot) startIstio(ctx context.Context) error {
	if !b.spec.Istio {
		return nil
	}
	if err := b.sup.Start(b.istiod()); err != nil {
		return err
	}
	return b.until(ctx, func(ctx context.Context) error { return answers(ctx, "http://"+istiodDebugAddress+"/ready") })
}

func (b *boot) runAcceptor(ctx context.Context) {
	err := acceptor.Run(ctx, b.client, b.spec.nodes()[0].IP())
	if err != nil && !errors.Is(err, context.Canceled) {
		slog.Error("Acceptor ended", "error", err)
		if err := b.sup.Fail(fmt.Errorf("run acceptor: %w", err)); err != nil {
			slog.Error("Status was not written", "error", err)
		}
	}
}
