// Package cgroup keeps the processes of one test cluster in a control group of
// their own, in every hierarchy that is mounted. The group is the truth about
// which processes belong to a cluster: unlike a pid file it survives a launcher
// that was killed half-way.
package cgroup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// parent is the directory that all clusters share in each hierarchy.
const parent = "crossfade"

// leaf holds the cluster's own processes. Pods get siblings of it, since cgroup
// v2 allows processes only in groups without children.
const leaf = "system"

// poll is how often Kill and Remove look again at what the kernel finishes in
// its own time.
const poll = 20 * time.Millisecond

// Group is the control group of one cluster.
type Group struct {
	name        string
	hierarchies []hierarchy
}

// Open names the group of a cluster; it creates nothing.
func Open(name string) (Group, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return Group{}, fmt.Errorf("read mounts: %w", err)
	}
	found := parseHierarchies(string(mounts))
	if len(found) == 0 {
		return Group{}, errors.New("find control groups: none is mounted")
	}
	return Group{name: name, hierarchies: found}, nil
}

// Root is the path that the kubelet puts its pods below, within a hierarchy.
func (g Group) Root() string { return "/" + parent + "/" + g.name }

// Create makes the group, and in it one for the pods of each of these nodes. It
// is idempotent.
func (g Group) Create(nodes ...string) error {
	for _, h := range g.hierarchies {
		if err := h.create(parent, g.name, leaf); err != nil {
			return err
		}
		for _, node := range nodes {
			if err := h.create(parent, g.name, node); err != nil {
				return err
			}
			if err := h.delegate(filepath.Join(h.mount, parent, g.name, node)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Prefer gives the group more processor time than others get, for as long as there is too little for all: it counts as
// one, however many processes it has, beside each of those that load and watch them.
func (g Group) Prefer() {
	for _, h := range g.hierarchies {
		for _, group := range []string{parent, filepath.Join(parent, g.name)} {
			h.prefer(filepath.Join(h.mount, group))
		}
	}
}

// Add moves a process, with all its threads, into the group.
func (g Group) Add(pid int) error {
	for _, h := range g.hierarchies {
		path := filepath.Join(h.mount, parent, g.name, leaf, "cgroup.procs")
		if err := os.WriteFile(path, []byte(strconv.Itoa(pid)), 0); err != nil {
			return fmt.Errorf("add process %d to control group: %w", pid, err)
		}
	}
	return nil
}

// Members lists the processes in the group and below it, in any hierarchy.
func (g Group) Members() ([]int, error) {
	seen := map[int]bool{}
	for _, dir := range g.directories() {
		content, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read members of control group: %w", err)
		}
		for _, line := range strings.Fields(string(content)) {
			pid, err := strconv.Atoi(line)
			if err != nil {
				return nil, fmt.Errorf("read members of %s: %w", dir, err)
			}
			seen[pid] = true
		}
	}
	// A pid of zero stands for a process that this PID namespace cannot see.
	delete(seen, 0)
	pids := make([]int, 0, len(seen))
	for pid := range seen {
		pids = append(pids, pid)
	}
	slices.Sort(pids)
	return pids, nil
}

// Kill sends SIGKILL to every member until none is left or ctx is done.
func (g Group) Kill(ctx context.Context) error {
	for {
		pids, err := g.Members()
		if err != nil {
			return err
		}
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("kill process %d: %w", pid, err)
			}
		}
		if err := wait(ctx); err != nil {
			return fmt.Errorf("kill members of control group %s: processes %v remain: %w", g.Root(), pids, err)
		}
	}
}

// Remove deletes the group from every hierarchy, and the directory shared with
// other clusters when it was the last. It is idempotent.
func (g Group) Remove(ctx context.Context) error {
	for {
		var last error
		// Deepest first: a group with children cannot be removed.
		for _, dir := range slices.Backward(g.directories()) {
			err := os.Remove(dir)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				last = err
			}
		}
		if last == nil {
			break
		}
		// The kernel holds a group busy for a moment after its last process died.
		if err := wait(ctx); err != nil {
			return fmt.Errorf("remove control group %s: %w", g.Root(), last)
		}
	}
	for _, h := range g.hierarchies {
		// It fails while another cluster has a group in it, as it should.
		_ = os.Remove(filepath.Join(h.mount, parent))
	}
	return nil
}

// directories lists the group and everything below it, parents first.
func (g Group) directories() []string {
	var all []string
	for _, h := range g.hierarchies {
		root := filepath.Join(h.mount, parent, g.name)
		// Directories vanish while they are listed: what is gone is not an error.
		_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				all = append(all, path)
			}
			return nil
		})
	}
	return all
}

func makeGroup(path string) error {
	err := os.Mkdir(path, 0o755)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create control group: %w", err)
	}
	return nil
}

func wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(poll):
		return nil
	}
}
