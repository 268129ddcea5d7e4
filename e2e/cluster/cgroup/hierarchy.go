package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// hierarchy is one mounted tree of control groups: cgroup v1 has one for each
// set of controllers, cgroup v2 a single one.
type hierarchy struct {
	mount   string
	unified bool
	cpuset  bool
}

// parseHierarchies reads the cgroup mounts from the text of mountinfo.
func parseHierarchies(mountinfo string) []hierarchy {
	var found []hierarchy
	for line := range strings.Lines(mountinfo) {
		// Optional fields end at a lone dash; type, source and options follow it.
		before, after, ok := strings.Cut(line, " - ")
		fields, tail := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(tail) < 3 {
			continue
		}
		if tail[0] != "cgroup" && tail[0] != "cgroup2" {
			continue
		}
		found = append(found, hierarchy{
			mount:   fields[4],
			unified: tail[0] == "cgroup2",
			cpuset:  tail[0] == "cgroup" && slices.Contains(strings.Split(tail[2], ","), "cpuset"),
		})
	}
	return found
}

// create makes groups, each in the one before it.
func (h hierarchy) create(names ...string) error {
	path := h.mount
	for _, name := range names {
		if err := h.delegate(path); err != nil {
			return err
		}
		path = filepath.Join(path, name)
		if err := makeGroup(path); err != nil {
			return err
		}
		if err := h.inheritCPUs(path); err != nil {
			return err
		}
	}
	return nil
}

// prefer is best effort: where the hierarchy does not share out processors, it has no such file.
func (h hierarchy) prefer(group string) {
	for file, weight := range map[string]string{"cpu.shares": "10240", "cpu.weight": "1000"} {
		path := filepath.Join(group, file)
		if _, err := os.Stat(path); err == nil {
			_ = os.WriteFile(path, []byte(weight), 0)
		}
	}
}

// delegate lets the children of a cgroup v2 group have all its controllers;
// cgroup v1 needs no such step.
func (h hierarchy) delegate(group string) error {
	if !h.unified {
		return nil
	}
	content, err := os.ReadFile(filepath.Join(group, "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("read controllers: %w", err)
	}
	for _, controller := range strings.Fields(string(content)) {
		// One by one, and best effort: the kubelet says which one it misses.
		_ = os.WriteFile(filepath.Join(group, "cgroup.subtree_control"), []byte("+"+controller), 0)
	}
	return nil
}

// inheritCPUs gives a new cpuset group of cgroup v1 the processors and memory
// nodes of its parent: it starts with none, and then accepts no process.
func (h hierarchy) inheritCPUs(group string) error {
	if !h.cpuset {
		return nil
	}
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(filepath.Dir(group), file))
		if err != nil {
			return fmt.Errorf("read processors of control group: %w", err)
		}
		if err := os.WriteFile(filepath.Join(group, file), value, 0); err != nil {
			return fmt.Errorf("write processors of control group: %w", err)
		}
	}
	return nil
}
