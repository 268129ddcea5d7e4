package cluster

import (
	"fmt"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// machine is where the programs of a node are started: in a network and a mount
// namespace of their own. A process is born into the namespaces of the thread
// that starts it, so a machine is a thread of the supervisor. Nothing holds the
// namespaces but it and these processes: they all end with the supervisor.
type machine struct{ work chan func() }

// networkOf is where the network namespace of a node can be joined, in the
// supervisor's mount namespace.
func networkOf(node string) string { return filepath.Join("/run/netns", node) }

// fixed are folders below /var that programs of a node insist on, and that two
// nodes must not share.
var fixed = []string{"/var/lib/cni", "/var/lib/kubelet", "/var/log"}

// startMachines makes the machines of all nodes but the first.
func (b *boot) startMachines() error {
	for _, n := range b.spec.machines()[1:] {
		m := machine{work: make(chan func())}
		isolated := make(chan error, 1)
		onOwnThread(func() {
			isolated <- b.isolateNode(n)
			for work := range m.work {
				work()
			}
		})
		if err := <-isolated; err != nil {
			return fmt.Errorf("isolate %s: %w", n.Name, err)
		}
		b.machines[n.Name] = m
	}
	return nil
}

// on does something on a node's machine. What is started there stays there.
func (b *boot) on(n node, do func() error) error {
	m, found := b.machines[n.Name]
	if !found {
		return do()
	}
	done := make(chan error, 1)
	m.work <- func() { done <- do() }
	return <-done
}

// onOwnThread runs do on a thread that nothing else ever runs on. It is not the
// main thread: that one stands for the process, to whoever joins its namespaces.
func onOwnThread(do func()) {
	go func() {
		// Not undone below: the thread ends with its goroutine.
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			do()
			return
		}
		// As long as the main thread is held here, another goroutine is on another one.
		taken := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(taken)
			do()
		}()
		<-taken
		runtime.UnlockOSThread()
	}()
}

// isolateNode takes the calling thread into the new namespaces of a node.
func (b *boot) isolateNode(n node) error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("make network namespace: %w", err)
	}
	if err := keepNetwork(n.Name); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("make mount namespace: %w", err)
	}
	if err := separateMounts(); err != nil {
		return err
	}
	if err := coverRun(); err != nil {
		return err
	}
	for _, dir := range fixed {
		if err := bind(b.path(n.Name, "fixed", dir), dir); err != nil {
			return err
		}
	}
	return nil
}

// keepNetwork gives the calling thread's network namespace a name, for Exec.
func keepNetwork(node string) error {
	path := networkOf(node)
	if err := writeFile(path, nil); err != nil {
		return err
	}
	if err := unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("keep network namespace: %w", err)
	}
	return nil
}
