package cluster

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// supervisorPID returns the host's pid of the cluster's first process, or zero
// if it does not run. The pid file alone could name a stranger: the pid counts
// only if it is in the cluster's control group.
func (c Cluster) supervisorPID() (int, error) {
	content, err := os.ReadFile(c.pidFile())
	if os.IsNotExist(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read pid of cluster %s: %w", c.name, err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0, fmt.Errorf("read pid of cluster %s: %w", c.name, err)
	}
	members, err := c.group.Members()
	if err != nil {
		return 0, err
	}
	if !slices.Contains(members, pid) {
		return 0, nil
	}
	return pid, nil
}

// running is supervisorPID for commands that need a running cluster.
func (c Cluster) running() (int, error) {
	pid, err := c.supervisorPID()
	if err != nil {
		return 0, err
	}
	if pid == 0 {
		return 0, fmt.Errorf("find cluster %s: it is not running; start it with `cluster up`", c.name)
	}
	return pid, nil
}

// Exec replaces this process by a command inside the network namespace of a node,
// the first unless another one is named, on the host's file system. The command
// joins the cluster's control group, so that `down` ends it too. It returns only
// if it fails.
func (c Cluster) Exec(node string, argv []string) error {
	pid, err := c.running()
	if err != nil {
		return err
	}
	path, err := lookPath(argv[0])
	if err != nil {
		return err
	}
	spec, err := c.readSpec()
	if err != nil {
		return err
	}
	inside := fmt.Sprintf("/proc/%d/ns/net", pid)
	if slices.Contains(spec.otherNodes(), node) {
		inside = fmt.Sprintf("/proc/%d/root%s", pid, networkOf(node))
	} else if node != "" && node != spec.nodes()[0].Name {
		return fmt.Errorf("find node %s of cluster %s: it has %v", node, c.name, spec.nodes())
	}
	namespace, err := os.Open(inside)
	if err != nil {
		return fmt.Errorf("open network namespace of cluster %s: %w", c.name, err)
	}
	if err := c.group.Add(os.Getpid()); err != nil {
		return err
	}
	// The namespace is joined by one thread, which then becomes the command.
	runtime.LockOSThread()
	if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("join network namespace of cluster %s: %w", c.name, err)
	}
	environment := append(os.Environ(), "KUBECONFIG="+c.InternalKubeconfig())
	if err := unix.Exec(path, argv, environment); err != nil {
		return fmt.Errorf("run %s: %w", argv[0], err)
	}
	return nil
}
