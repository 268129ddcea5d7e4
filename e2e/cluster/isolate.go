package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

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
	if err := separateMounts(); err != nil {
		return err
	}
	// The processes of the new PID namespace.
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := coverRun(); err != nil {
		return err
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

// separateMounts cuts a new mount namespace off from the one that it was copied
// from: private first, so that nothing mounted here shows there; then shared
// within, which is what container runtimes need to pass mounts on to pods.
func separateMounts() error {
	for _, propagation := range []uintptr{unix.MS_PRIVATE, unix.MS_SHARED} {
		if err := unix.Mount("", "/", "", unix.MS_REC|propagation, ""); err != nil {
			return fmt.Errorf("set mount propagation: %w", err)
		}
	}
	return nil
}

// coverRun hides the sockets, locks and network namespaces of others' container
// runtime and iptables.
func coverRun() error {
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
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
