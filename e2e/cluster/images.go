package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"crossfade.io/crossfade/e2e/cluster/image"
)

// containerdNamespace is where Kubernetes keeps its images.
const containerdNamespace = "k8s.io"

// LoadImage makes an image archive (docker or OCI) known to all of the cluster's
// nodes. Pods use it with imagePullPolicy Never.
func (c Cluster) LoadImage(ctx context.Context, archive string) error {
	nodes, err := c.imageNodes()
	if err != nil {
		return err
	}
	all, ctx := errgroup.WithContext(ctx)
	for _, n := range nodes {
		all.Go(func() error {
			argv := c.importCommand(n, archive)
			output, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
			if err != nil {
				return fmt.Errorf("load image %s on %s: %w: %s", archive, n.Name, err, strings.TrimSpace(string(output)))
			}
			return nil
		})
	}
	return all.Wait()
}

// LoadBinary makes an image of one static binary, which becomes the entry point
// with args before the container's own, and loads it.
func (c Cluster) LoadBinary(ctx context.Context, reference, binary string, args []string) error {
	// Asked first: packing a large binary for a cluster that cannot take it is a waste.
	if _, err := c.imageNodes(); err != nil {
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

// imageNodes are those that images are loaded on.
func (c Cluster) imageNodes() ([]node, error) {
	if _, err := c.running(); err != nil {
		return nil, err
	}
	spec, err := c.readSpec()
	if err != nil {
		return nil, err
	}
	if spec.ControlPlaneOnly {
		return nil, fmt.Errorf("find nodes of cluster %s: it has only a control plane and runs no containers", c.name)
	}
	return spec.nodes(), nil
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
