package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"crossfade.io/crossfade/e2e/cluster/image"
)

// containerdNamespace is where Kubernetes keeps its images.
const containerdNamespace = "k8s.io"

// LoadImage makes an image archive (docker or OCI) known to the cluster's nodes.
// Pods use it with imagePullPolicy Never.
func (c Cluster) LoadImage(ctx context.Context, archive string) error {
	n, err := c.imageNode()
	if err != nil {
		return err
	}
	argv := c.importCommand(n, archive)
	output, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("load image %s: %w: %s", archive, err, strings.TrimSpace(string(output)))
	}
	return nil
}

// LoadBinary makes an image of one static binary, which becomes the entry point
// with args before the container's own, and loads it.
func (c Cluster) LoadBinary(ctx context.Context, reference, binary string, args []string) error {
	// Asked first: packing a large binary for a cluster that cannot take it is a waste.
	if _, err := c.imageNode(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "crossfade-image-*")
	if err != nil {
		return fmt.Errorf("create folder: %w", err)
	}
	defer os.RemoveAll(dir)
	archive := filepath.Join(dir, "image.tar")
	if err := image.Write(archive, reference, binary, args); err != nil {
		return err
	}
	return c.LoadImage(ctx, archive)
}

// imageNode is the node that images are loaded on.
func (c Cluster) imageNode() (node, error) {
	if _, err := c.running(); err != nil {
		return node{}, err
	}
	spec, err := c.readSpec()
	if err != nil {
		return node{}, err
	}
	return spec.firstNode()
}

func (c Cluster) importCommand(n node, archive string) []string {
	return []string{
		"/usr/bin/ctr", "--address=" + c.containerdSocket(n), "--namespace=" + containerdNamespace,
		"images", "import", archive,
	}
}

func lookPath(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("find command %s: %w", name, err)
	}
	return filepath.Abs(path)
}
