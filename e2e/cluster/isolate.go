package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"crossfade.io/crossfade/e2e/cluster/supervisor"
)

// bridge carries the node's address. It has no ports: a bridge is what kernels
// without the dummy driver offer for an address that is not the loopback's.
const bridge = "crossfade0"

// covered are the folders that components write into at fixed places, outside
// their own. In the cluster's mount namespace what they write goes to memory.
var covered = []string{"/etc", "/opt", "/usr/libexec", "/var/lib", "/var/log"}

// tunables are the kernel settings of the whole machine that the kubelet would
// change. It gets to see them as it wants them, and the machine keeps its own.
var tunables = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// isolateMounts makes the file systems of the new mount namespace the
// cluster's own, where programs insist on fixed places.
func (c Cluster) isolateMounts(spec Spec) error {
	// Private first, so that nothing mounted here shows outside; then shared
	// within, which is what container runtimes need to pass mounts on to pods.
	for _, propagation := range []uintptr{unix.MS_PRIVATE, unix.MS_SHARED} {
		if err := unix.Mount("", "/", "", unix.MS_REC|propagation, ""); err != nil {
			return fmt.Errorf("set mount propagation: %w", err)
		}
	}
	// The processes of the new PID namespace.
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	// Sockets, locks and network namespaces of container runtime and iptables.
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	if err := c.coverFolders(); err != nil {
		return err
	}
	if spec.ControlPlaneOnly {
		return nil
	}
	if err := bind(c.path(spec.nodes()[0].Name, "log"), "/var/log"); err != nil {
		return err
	}
	for name, value := range tunables {
		file := c.path("config", "sysctl", strings.ReplaceAll(name, "/", "."))
		if err := writeFile(file, []byte(value+"\n")); err != nil {
			return err
		}
		if err := unix.Mount(file, filepath.Join("/proc/sys", name), "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("cover kernel setting %s: %w", name, err)
		}
	}
	return nil
}

// coverFolders lays memory over the machine's folders, and the cluster's own
// folder back on top: it is on disk, and may be inside one of them.
func (c Cluster) coverFolders() error {
	const own = "/run/crossfade/own"
	if err := bind(c.dir, own); err != nil {
		return err
	}
	for _, dir := range covered {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			continue
		}
		layer := filepath.Join("/run/crossfade/cover", dir)
		upper, work := filepath.Join(layer, "upper"), filepath.Join(layer, "work")
		for _, part := range []string{upper, work} {
			if err := os.MkdirAll(part, 0o755); err != nil {
				return fmt.Errorf("create folder: %w", err)
			}
		}
		options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", dir, upper, work)
		if err := unix.Mount("overlay", dir, "overlay", 0, options); err != nil {
			return fmt.Errorf("cover %s: %w", dir, err)
		}
	}
	return bind(own, c.dir)
}

// bind makes source show at target; both are created if need be.
func bind(source, target string) error {
	for _, dir := range []string{source, target} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("create folder: %w", err)
		}
	}
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s: %w", target, err)
	}
	return nil
}

// configureNetwork sets up the new network namespace for a node.
func configureNetwork(ctx context.Context, s *supervisor.Supervisor, n node) error {
	const ip = "/sbin/ip"
	for _, argv := range [][]string{
		{ip, "link", "set", "lo", "up"},
		{ip, "link", "add", bridge, "type", "bridge"},
		{ip, "address", "add", n.IP() + "/24", "dev", bridge},
		{ip, "link", "set", bridge, "up"},
		// Nothing is out there, but programs look for the address of the default route.
		{ip, "route", "add", "default", "dev", bridge},
	} {
		if err := s.Run(ctx, argv...); err != nil {
			return fmt.Errorf("configure network: %w", err)
		}
	}
	for name, value := range map[string]string{
		"net/ipv4/ip_forward":                "1",
		"net/bridge/bridge-nf-call-iptables": "1",
		"net/ipv4/ip_local_port_range":       "15000 65000",
		"net/ipv4/conf/default/rp_filter":    "0",
		"net/ipv4/conf/all/rp_filter":        "0",
	} {
		path := filepath.Join("/proc/sys", name)
		err := os.WriteFile(path, []byte(value), 0)
		// A kernel without bridge filtering has no such file, and no need for it in
		// a cluster whose pods reach Services through routing alone.
		if err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}
