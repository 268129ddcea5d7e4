package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Down removes the cluster with everything that it started or wrote. It is
// idempotent and needs nothing that a killed `up` may not have written.
func (c Cluster) Down(ctx context.Context) error {
	if _, err := os.Stat(root()); os.IsNotExist(err) {
		// No folder to lock, yet there may be a group whose folder was deleted by hand.
		return c.clear(ctx)
	}
	unlock, err := lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := c.clear(ctx); err != nil {
		return err
	}
	// The folder of all clusters goes with the last of them.
	if err := os.Remove(root()); err != nil && !os.IsNotExist(err) && !errors.Is(err, unix.ENOTEMPTY) {
		return fmt.Errorf("remove folder: %w", err)
	}
	return nil
}

// clear kills what is in the cluster's control group and removes group and
// folder. Mounts, network and firewall rules need no care: they are in
// namespaces that end with their last process.
func (c Cluster) clear(ctx context.Context) error {
	// The first process first: the kernel then ends its whole PID namespace, and
	// no component lives to see another die.
	pid, err := c.supervisorPID()
	if err != nil {
		return err
	}
	if pid != 0 {
		if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("kill supervisor %d: %w", pid, err)
		}
	}
	if err := c.group.Kill(ctx); err != nil {
		return err
	}
	if err := c.group.Remove(ctx); err != nil {
		return err
	}
	if err := os.RemoveAll(c.dir); err != nil {
		return fmt.Errorf("remove folder of cluster %s: %w", c.name, err)
	}
	return nil
}
