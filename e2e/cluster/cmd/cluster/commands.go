package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"crossfade.io/crossfade/e2e/cluster"
	"crossfade.io/crossfade/e2e/cluster/build"
)

// downTime is how long `down` waits for the kernel to end what it killed.
const downTime = time.Minute

// selection is which cluster a command is about.
type selection struct {
	name             string
	controlPlaneOnly bool
	// nodes is as ParseNodes reads it.
	nodes string
}

func newCommand() *cobra.Command {
	var chosen selection
	command := &cobra.Command{
		Use:   "cluster",
		Short: "Run a real Kubernetes cluster on this machine, for tests",
		Long: `Run a real Kubernetes cluster on this machine, built from Go modules, without
containers around it and without a registry.

Two modes: the full one has a kubelet, containerd, kube-proxy and Traefik (Gateway
API and ingress-nginx annotations); --control-plane-only has KWOK simulate the node
and accepts every HTTPRoute at once. The cluster has no DNS.

With NODES=2 or NODES=3 each node has a network, kubelet, containerd and kube-proxy of
its own. Control plane and gateway are processes on the first.

Without --name, a cluster is named after the checkout that the command is run in, the
mode and the number of nodes.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	flags := command.PersistentFlags()
	flags.StringVar(&chosen.name, "name", "", "name of the cluster (default: a hash of the checkout's path, with -n2 or -n3 for so many nodes and -cp for --control-plane-only)")
	flags.StringVar(&chosen.nodes, "nodes", os.Getenv(cluster.NodesVariable), "number of nodes, 1 to 3; empty means 1 (default $"+cluster.NodesVariable+")")
	flags.BoolVar(&chosen.controlPlaneOnly, "control-plane-only", false, "no real node: API server, controllers and scheduler, with simulated pods")
	command.AddCommand(
		newBuild(&chosen), newUp(&chosen), newDown(&chosen), newStatus(&chosen), newLogs(&chosen),
		newExec(&chosen), newKubeconfig(&chosen), newImages(&chosen), newLoadBinary(&chosen), newSupervise(&chosen),
	)
	return command
}

// open finds the cluster that the flags name.
func (s *selection) open() (cluster.Cluster, error) {
	nodes, err := cluster.ParseNodes(s.nodes)
	if err != nil {
		return cluster.Cluster{}, err
	}
	name := s.name
	if name == "" {
		checkout, err := cluster.FindCheckout(".")
		if err != nil {
			return cluster.Cluster{}, err
		}
		name = cluster.DefaultName(checkout, s.controlPlaneOnly, nodes)
	}
	return cluster.Open(name)
}

func (s *selection) one() ([]cluster.Cluster, error) {
	c, err := s.open()
	return []cluster.Cluster{c}, err
}

// all finds the clusters that the checkout may have.
func (s *selection) all() ([]cluster.Cluster, error) {
	checkout, err := cluster.FindCheckout(".")
	if err != nil {
		return nil, err
	}
	var clusters []cluster.Cluster
	for _, name := range cluster.DefaultNames(checkout) {
		c, err := cluster.Open(name)
		if err != nil {
			return nil, err
		}
		clusters = append(clusters, c)
	}
	return clusters, nil
}

func newBuild(chosen *selection) *cobra.Command {
	return &cobra.Command{
		Use:   "build",
		Short: "Build what clusters consist of, into a cache outside the checkout",
		Long: `Build what clusters consist of, into $CROSSFADE_CACHE (default ~/.cache/crossfade).
The first time takes many minutes; what is in the cache is not built again. Debian
packages that a node needs are installed if they are missing and this is root.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			checkout, err := cluster.FindCheckout(".")
			if err != nil {
				return err
			}
			modes := []build.Mode{{ControlPlaneOnly: true}, {Istio: true}}
			if chosen.controlPlaneOnly {
				modes = modes[:1]
			}
			for _, mode := range modes {
				if _, err := build.Cluster(command.Context(), checkout, mode, command.OutOrStdout()); err != nil {
					return err
				}
			}
			fmt.Fprintln(command.OutOrStdout(), "everything is built")
			return nil
		},
	}
}

func newUp(chosen *selection) *cobra.Command {
	var apiServerArgs []string
	var istio bool
	command := &cobra.Command{
		Use:   "up",
		Short: "Start a cluster and wait until it is ready",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			c, err := chosen.open()
			if err != nil {
				return err
			}
			nodes, err := cluster.ParseNodes(chosen.nodes)
			if err != nil {
				return err
			}
			checkout, err := cluster.FindCheckout(".")
			if err != nil {
				return err
			}
			return c.Up(command.Context(), cluster.Options{
				Checkout:         checkout,
				ControlPlaneOnly: chosen.controlPlaneOnly,
				Istio:            istio,
				Nodes:            nodes,
				APIServerArgs:    apiServerArgs,
				Progress:         command.OutOrStdout(),
			})
		},
	}
	command.Flags().BoolVar(&istio, "istio", false, "istiod, for proxyless gRPC on the first node's network, beside the gateway")
	command.Flags().StringArrayVar(&apiServerArgs, "apiserver-arg", nil, "flag added to the API server's own, such as --feature-gates=X=false; repeatable")
	return command
}

func newDown(chosen *selection) *cobra.Command {
	var all bool
	command := &cobra.Command{
		Use:   "down",
		Short: "Remove a cluster with everything that it started or wrote",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			find := chosen.one
			if all {
				find = chosen.all
			}
			ending, err := find()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(command.Context(), downTime)
			defer cancel()
			for _, c := range ending {
				if err := c.Down(ctx); err != nil {
					return err
				}
				fmt.Fprintf(command.OutOrStdout(), "cluster %s is gone\n", c.Name())
			}
			return nil
		},
	}
	command.Flags().BoolVar(&all, "all", false, "all clusters of the checkout, of either mode and any number of nodes")
	return command
}

func newStatus(chosen *selection) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Tell whether a cluster is ready and which of its components died",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			c, err := chosen.open()
			if err != nil {
				return err
			}
			return c.Status(command.OutOrStdout())
		},
	}
}

func newLogs(chosen *selection) *cobra.Command {
	return &cobra.Command{
		Use:   "logs [COMPONENT]",
		Short: "Print the log of a component, or the names of all logs",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			c, err := chosen.open()
			if err != nil {
				return err
			}
			component := ""
			if len(args) == 1 {
				component = args[0]
			}
			return c.Logs(component, command.OutOrStdout())
		},
	}
}

func newKubeconfig(chosen *selection) *cobra.Command {
	var internal bool
	command := &cobra.Command{
		Use:   "kubeconfig",
		Short: "Print the administrator's kubeconfig",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			c, err := chosen.open()
			if err != nil {
				return err
			}
			path := c.Kubeconfig()
			if internal {
				path = c.InternalKubeconfig()
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return fmt.Errorf("read kubeconfig: %w", err)
			}
			_, err = command.OutOrStdout().Write(content)
			return err
		},
	}
	command.Flags().BoolVar(&internal, "internal", false, "the one for commands inside the cluster's network (see exec)")
	return command
}
