// Package world is a test cluster with Crossfade and sample apps in it, as the e2e suite and the demo use them.
package world

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/cluster"
)

// NameVariable names the cluster; empty means the one of the checkout.
const NameVariable = "CROSSFADE_CLUSTER"

// World is a cluster, and the programs with which it is worked on.
type World struct {
	Cluster cluster.Cluster
	// Checkout is the folder of the repository.
	Checkout string
	// Client reads from the API server itself: nothing is cached. It is nil until Connect.
	Client client.WithWatch
	Kube   kubernetes.Interface

	// bin is a folder with the programs cluster and load.
	bin string
	// callers counts clients of the mesh.
	callers atomic.Int64
}

// Prepare builds the programs for the cluster that the environment chooses, whether that runs or not. Close removes
// them.
func Prepare(ctx context.Context) (*World, error) {
	checkout, err := cluster.FindCheckout(".")
	if err != nil {
		return nil, err
	}
	name := os.Getenv(NameVariable)
	if name == "" {
		nodes, err := cluster.ParseNodes(os.Getenv(cluster.NodesVariable))
		if err != nil {
			return nil, err
		}
		name = cluster.DefaultName(checkout, false, nodes)
	}
	c, err := cluster.Open(name)
	if err != nil {
		return nil, err
	}
	bin, err := os.MkdirTemp("", "crossfade-e2e-*")
	if err != nil {
		return nil, fmt.Errorf("create folder: %w", err)
	}
	w := &World{Cluster: c, Checkout: checkout, bin: bin}
	return w, w.Build(ctx, "e2e", "./cluster/cmd/cluster", "./load/cmd/load")
}

// Open prepares for the cluster that the environment chooses, which must run, and connects to it.
func Open(ctx context.Context) (*World, error) {
	w, err := Prepare(ctx)
	if err != nil {
		return nil, err
	}
	return w, w.Connect()
}

// Connect makes the clients; the cluster must run.
func (w *World) Connect() error {
	config, err := clientcmd.BuildConfigFromFlags("", w.Cluster.Kubeconfig())
	if err != nil {
		return fmt.Errorf("read kubeconfig of cluster %s: %w; start it with make cluster-up", w.Cluster.Name(), err)
	}
	config.QPS = -1
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, gatewayv1.Install, metricsv1beta1.AddToScheme, v1alpha1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return fmt.Errorf("make the scheme: %w", err)
		}
	}
	if w.Client, err = client.NewWithWatch(config, client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("connect to cluster %s: %w", w.Cluster.Name(), err)
	}
	if w.Kube, err = kubernetes.NewForConfig(config); err != nil {
		return fmt.Errorf("connect to cluster %s: %w", w.Cluster.Name(), err)
	}
	return nil
}

// Close removes the programs.
func (w *World) Close() error { return os.RemoveAll(w.bin) }

// Program gives the path of a program that is built beside those of the world.
func (w *World) Program(name string) string { return filepath.Join(w.bin, name) }

// Up starts the cluster, unless it runs already, and says on out how far it is.
func (w *World) Up(ctx context.Context, out io.Writer) error { return w.stream(ctx, out, "up") }

// Down removes the cluster with everything in it.
func (w *World) Down(ctx context.Context, out io.Writer) error { return w.stream(ctx, out, "down") }

// stream runs a verb of the program cluster and passes on what it says.
func (w *World) stream(ctx context.Context, out io.Writer, verb string) error {
	command := exec.CommandContext(ctx, w.Program("cluster"), "--name", w.Cluster.Name(), verb)
	command.Dir = w.Checkout
	command.Stdout, command.Stderr = out, out
	// Ctrl-C is for whoever runs this; that one ends it through the context.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Run(); err != nil {
		return fmt.Errorf("cluster %s: %w", verb, err)
	}
	return nil
}

// Build compiles packages of the module in a folder of the checkout, statically; Program tells where they are then.
func (w *World) Build(ctx context.Context, module string, packages ...string) error {
	build := exec.CommandContext(ctx, "go", append([]string{"build", "-o", w.bin + "/"}, packages...)...)
	build.Dir = filepath.Join(w.Checkout, module)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	return run(build)
}

// Inside is a command that runs inside the network of a node, on the host's file system; empty means the first.
func (w *World) Inside(node string, argv ...string) *exec.Cmd {
	//nolint:gosec // the arguments are the tests' own
	return exec.Command(w.Program("cluster"), append([]string{"--name", w.Cluster.Name(), "exec", "--node", node, "--"}, argv...)...)
}

// Kubectl is the kubectl of the cluster's Kubernetes, for its administrator.
func (w *World) Kubectl(ctx context.Context, arguments ...string) (*exec.Cmd, error) {
	kubernetes, err := w.Cluster.Program("kubernetes")
	if err != nil {
		return nil, err
	}
	// Its cache would go into the home folder.
	own := []string{"kubectl", "--kubeconfig", w.Cluster.Kubeconfig(), "--cache-dir", filepath.Join(w.bin, "kubectl")}
	return exec.CommandContext(ctx, kubernetes, append(own, arguments...)...), nil
}

// run runs a command to its end; its error holds what the command said.
func run(command *exec.Cmd) error {
	output, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("run %s: %w: %s", strings.Join(command.Args, " "), err, strings.TrimSpace(string(output)))
	}
	return nil
}
