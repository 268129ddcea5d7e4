package main

import (
	"github.com/spf13/cobra"

	"crossfade.io/crossfade/e2e/cluster"
)

func newExec(chosen *selection) *cobra.Command {
	var node string
	command := &cobra.Command{
		Use:   "exec -- COMMAND [ARGUMENT...]",
		Short: "Run a command inside the cluster's network",
		Long: `Run a command inside the cluster's network, on the host's file system: it reaches
pods, Services (by IP address) and the gateway. KUBECONFIG is set for it. It is part
of the cluster: down ends it. Services are seen through the kube-proxy of --node.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := chosen.open()
			if err != nil {
				return err
			}
			return c.Exec(node, args)
		},
	}
	command.Flags().StringVar(&node, "node", "", "node in whose network it runs, such as node-1 (default the first)")
	return command
}

func newImages(chosen *selection) *cobra.Command {
	images := &cobra.Command{Use: "images", Short: "Work with the container images of a cluster"}
	images.AddCommand(&cobra.Command{
		Use:   "load ARCHIVE...",
		Short: "Load image archives (docker or OCI); use them with imagePullPolicy Never",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			c, err := chosen.open()
			if err != nil {
				return err
			}
			for _, archive := range args {
				if err := c.LoadImage(command.Context(), archive); err != nil {
					return err
				}
			}
			return nil
		},
	})
	return images
}

func newLoadBinary(chosen *selection) *cobra.Command {
	var reference string
	command := &cobra.Command{
		Use:   "load-binary --image NAME:TAG BINARY [-- ARGUMENT...]",
		Short: "Make an image of one static binary and load it",
		Long: `Make an image that holds one static binary (CGO_ENABLED=0) and load it. The binary
is the entry point, followed by the arguments; it runs as user 65532. Pods use the
image with imagePullPolicy Never.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			c, err := chosen.open()
			if err != nil {
				return err
			}
			return c.LoadBinary(command.Context(), reference, args[0], args[1:])
		},
	}
	command.Flags().StringVar(&reference, "image", "", "name and tag of the image")
	if err := command.MarkFlagRequired("image"); err != nil {
		panic(err)
	}
	return command
}

func newSupervise(chosen *selection) *cobra.Command {
	return &cobra.Command{
		Use:    cluster.SuperviseCommand,
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return cluster.Supervise(chosen.name)
		},
	}
}
