package cluster

import (
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Listen opens a TCP listener of this process on the loopback address of the cluster's network namespace, where the
// API server reaches it and nobody outside of the cluster does. Connections to it can be served from anywhere.
func (c Cluster) Listen() (net.Listener, error) {
	pid, err := c.running()
	if err != nil {
		return nil, err
	}
	inside, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return nil, fmt.Errorf("open network namespace of cluster %s: %w", c.name, err)
	}
	defer func() { _ = inside.Close() }()
	type opened struct {
		net.Listener
		err error
	}
	result := make(chan opened)
	go func() {
		// Never unlocked: the thread, which is in the namespace from here on, ends with the goroutine.
		runtime.LockOSThread()
		if err := unix.Setns(int(inside.Fd()), unix.CLONE_NEWNET); err != nil {
			result <- opened{err: fmt.Errorf("join network namespace of cluster %s: %w", c.name, err)}
			return
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		result <- opened{listener, err}
	}()
	got := <-result
	return got.Listener, got.err
}
