//go:build cluster

package cluster_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// traces are what a cluster could leave on a machine.
type traces struct {
	Processes  []string
	Groups     []string
	Mounts     string
	Links      string
	Firewall   string
	Settings   map[string]string
	Paths      map[string]bool
	Namespaces map[string]string
}

// suspects are the fixed places that components write to when they are let.
var suspects = []string{
	"/etc/cni", "/etc/kubernetes", "/opt/cni", "/opt/containerd", "/run/containerd", "/run/netns",
	"/run/runc", "/usr/libexec/kubernetes", "/var/lib/cni", "/var/lib/containerd", "/var/lib/kubelet",
	"/var/log/containers", "/var/log/pods",
}

var settings = []string{
	"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
	"kernel/keys/root_maxkeys", "net/ipv4/ip_forward", "net/netfilter/nf_conntrack_max",
}

// counters are the packet counts in firewall rules, which change all the time.
var counters = regexp.MustCompile(`(?m)^#.*$|\[\d+:\d+\]`)

func requireNothingLeft(t *testing.T, before traces, name string) {
	t.Helper()
	// A supervisor whose launcher died before it was let go ends by itself, at
	// once but not before `down` returns.
	var after traces
	require.Eventually(t, func() bool {
		after = observe(t, name)
		return len(after.Processes) == 0 && len(strangers(before, after)) == 0
	}, 5*time.Second, 50*time.Millisecond, "processes %v, namespaces %v", after.Processes, strangers(before, after))
	require.Empty(t, after.Groups)
	require.Equal(t, before.Mounts, after.Mounts)
	require.Equal(t, before.Links, after.Links)
	require.Equal(t, before.Firewall, after.Firewall)
	require.Equal(t, before.Settings, after.Settings)
	require.Equal(t, before.Paths, after.Paths)
}

// strangers are the network namespaces that were not there before, each with a
// process in it.
func strangers(before, after traces) map[string]string {
	found := map[string]string{}
	for id, process := range after.Namespaces {
		if _, known := before.Namespaces[id]; !known {
			found[id] = process
		}
	}
	return found
}

func observe(t *testing.T, name string) traces {
	t.Helper()
	seen := traces{
		Mounts:     read("/proc/self/mountinfo"),
		Links:      printed(t, "ip", "-o", "-br", "link"),
		Firewall:   counters.ReplaceAllString(printed(t, "iptables-save"), ""),
		Settings:   map[string]string{},
		Paths:      map[string]bool{},
		Namespaces: map[string]string{},
	}
	for _, setting := range settings {
		seen.Settings[setting] = read("/proc/sys/" + setting)
	}
	for _, path := range append(slices.Clone(suspects), "/var/lib/crossfade-cluster/"+name) {
		_, err := os.Stat(path)
		seen.Paths[path] = err == nil
	}
	for _, depth := range []string{"/sys/fs/cgroup/crossfade/", "/sys/fs/cgroup/*/crossfade/"} {
		groups, err := filepath.Glob(depth + name)
		require.NoError(t, err)
		seen.Groups = append(seen.Groups, groups...)
	}
	processes, err := filepath.Glob("/proc/[0-9]*")
	require.NoError(t, err)
	for _, process := range processes {
		seen.addProcess(process, name)
	}
	return seen
}

// addProcess notes a process if it is the cluster's, and its network namespace
// unless it is of another cluster, which may run at the same time.
func (s *traces) addProcess(process, name string) {
	groups, line := read(process+"/cgroup"), strings.ReplaceAll(read(process+"/cmdline"), "\x00", " ")
	own := strings.Contains(groups, "/crossfade/"+name) || strings.Contains(line, name)
	if own {
		s.Processes = append(s.Processes, process+" "+line)
	}
	if !own && strings.Contains(groups, "/crossfade/") {
		return
	}
	if id, err := os.Readlink(process + "/ns/net"); err == nil {
		s.Namespaces[id] = process + " " + line
	}
}

// read returns a file's content, or nothing if it is gone, as processes are.
func read(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(content)
}

func printed(t *testing.T, argv ...string) string {
	t.Helper()
	output, err := exec.Command(argv[0], argv[1:]...).Output()
	require.NoError(t, err)
	return string(output)
}
