// Package world is a test cluster with Crossfade and sample apps in it, as the e2e suite and the demo use them.
package world

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/cluster"
)

// NameVariable names the cluster; empty means the one of the checkout.
const NameVariable = "CROSSFADE_CLUSTER"

// World is a running cluster, and the programs with which it is worked on.
type World struct {
	Cluster cluster.Cluster
	// Checkout is the folder of the repository.
	Checkout string
	// Client reads from the API server itself: nothing is cached.
	Client client.WithWatch
	Kube   kubernetes.Interface

	// bin is a folder with the programs cluster and load.
	bin string
}

// Find names the cluster that the environment chooses, whether it runs or not.
func Find() (c cluster.Cluster, checkout string, err error) {
	if checkout, err = cluster.FindCheckout("."); err != nil {
		return c, "", err
	}
	name := os.Getenv(NameVariable)
	if name == "" {
		name = cluster.DefaultName(checkout, false)
	}
	c, err = cluster.Open(name)
	return c, checkout, err
}

// Open connects to the running cluster that the environment chooses, and builds the programs; Close removes them.
func Open(ctx context.Context) (*World, error) {
	c, checkout, err := Find()
	if err != nil {
		return nil, err
	}
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig of cluster %s: %w; start it with make cluster-up", c.Name(), err)
	}
	config.QPS = -1
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, gatewayv1.Install, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("make the scheme: %w", err)
		}
	}
	w := &World{Cluster: c, Checkout: checkout}
	if w.Client, err = client.NewWithWatch(config, client.Options{Scheme: scheme}); err != nil {
		return nil, fmt.Errorf("connect to cluster %s: %w", c.Name(), err)
	}
	if w.Kube, err = kubernetes.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("connect to cluster %s: %w", c.Name(), err)
	}
	if w.bin, err = os.MkdirTemp("", "crossfade-e2e-*"); err != nil {
		return nil, fmt.Errorf("create folder: %w", err)
	}
	// Other users of the machine may look, so that a container's user can.
	return w, Build(ctx, filepath.Join(checkout, "e2e"), w.bin, "./cluster/cmd/cluster", "./load/cmd/load")
}

// Close removes the programs.
func (w *World) Close() error { return os.RemoveAll(w.bin) }

// Build compiles packages of the module in folder, statically, into the folder out.
func Build(ctx context.Context, folder, out string, packages ...string) error {
	build := exec.CommandContext(ctx, "go", append([]string{"build", "-o", out + "/"}, packages...)...)
	build.Dir = folder
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	return run(build)
}

// Inside is a command that runs inside the cluster's network, on the host's file system.
func (w *World) Inside(argv ...string) *exec.Cmd {
	//nolint:gosec // the arguments are the tests' own
	return exec.Command(filepath.Join(w.bin, "cluster"), append([]string{"--name", w.Cluster.Name(), "exec", "--"}, argv...)...)
}

// run runs a command to its end; its error holds what the command said.
func run(command *exec.Cmd) error {
	output, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("run %s: %w: %s", strings.Join(command.Args, " "), err, strings.TrimSpace(string(output)))
	}
	return nil
}
