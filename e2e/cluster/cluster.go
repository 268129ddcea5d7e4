// Package cluster runs a real Kubernetes cluster on the machine at hand,
// without containers around it and without a registry. All of a cluster lives
// in PID, mount and network namespaces and in a control group of its own, so
// killing its first process ends it and leaves nothing behind.
package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"crossfade.io/crossfade/e2e/cluster/cgroup"
)

// stateVariable names another folder for the state of clusters.
const stateVariable = "CROSSFADE_CLUSTER_STATE"

// stateRoot holds one folder for each cluster.
const stateRoot = "/var/lib/crossfade-cluster"

// Cluster is a cluster by name, whether it exists or not.
type Cluster struct {
	name  string
	dir   string
	group cgroup.Group
}

// Open names a cluster; it creates nothing.
func Open(name string) (Cluster, error) {
	if err := CheckName(name); err != nil {
		return Cluster{}, err
	}
	group, err := cgroup.Open(name)
	if err != nil {
		return Cluster{}, err
	}
	return Cluster{name: name, dir: filepath.Join(root(), name), group: group}, nil
}

func root() string {
	if dir := os.Getenv(stateVariable); dir != "" {
		return dir
	}
	return stateRoot
}

// Name is the name that the cluster was opened with.
func (c Cluster) Name() string { return c.name }

// Directory holds everything that the cluster keeps on disk.
func (c Cluster) Directory() string { return c.dir }

// Kubeconfig is the path of the configuration for clients outside the cluster's
// network namespace.
func (c Cluster) Kubeconfig() string { return filepath.Join(c.dir, "kubeconfig") }

// InternalKubeconfig is the path of the configuration for clients inside the
// cluster's network namespace.
func (c Cluster) InternalKubeconfig() string { return c.path("auth", "admin.kubeconfig") }

// AuditLog is the path of the API server's audit log, one JSON event a line.
func (c Cluster) AuditLog() string { return c.path("logs", "audit.log") }

func (c Cluster) statusFile() string { return c.path("status.json") }
func (c Cluster) specFile() string   { return c.path("spec.json") }
func (c Cluster) pidFile() string    { return c.path("supervisor.pid") }
func (c Cluster) logs() string       { return c.path("logs") }

func (c Cluster) path(parts ...string) string {
	return filepath.Join(append([]string{c.dir}, parts...)...)
}

// Spec is what `up` decided and the supervisor carries out.
type Spec struct {
	// Name of the cluster.
	Name string `json:"name"`
	// ControlPlaneOnly has KWOK simulate the node and an acceptor stand in for
	// the gateway.
	ControlPlaneOnly bool `json:"controlPlaneOnly"`
	// Istio has istiod beside the gateway.
	Istio bool `json:"istio,omitempty"`
	// Nodes is how many there are, 1 to 3; zero means 1.
	Nodes int `json:"nodes,omitempty"`
	// APIServerArgs are flags added to the API server's own.
	APIServerArgs []string `json:"apiServerArgs,omitempty"`
	// APIPort and HTTPPort are on the host's loopback address and lead to the API
	// server and to the gateway.
	APIPort  int `json:"apiPort"`
	HTTPPort int `json:"httpPort,omitempty"`
	// Files are the cached build results, by name.
	Files map[string]string `json:"files"`
}

func (c Cluster) writeSpec(spec Spec) error {
	content, err := json.MarshalIndent(spec, "", "  ")
	if err != nil {
		return fmt.Errorf("encode spec: %w", err)
	}
	return writeFile(c.specFile(), content)
}

func (c Cluster) readSpec() (Spec, error) {
	content, err := os.ReadFile(c.specFile())
	if err != nil {
		return Spec{}, fmt.Errorf("read spec of cluster %s: %w", c.name, err)
	}
	var spec Spec
	if err := json.Unmarshal(content, &spec); err != nil {
		return Spec{}, fmt.Errorf("parse spec of cluster %s: %w", c.name, err)
	}
	return spec, nil
}

// Program is the path of a program that the cluster was started with, such as
// kubernetes: its first argument may be kubectl.
func (c Cluster) Program(name string) (string, error) {
	spec, err := c.readSpec()
	if err != nil {
		return "", err
	}
	path, found := spec.Files[name]
	if !found {
		return "", fmt.Errorf("find program %s of cluster %s: it has no such", name, c.name)
	}
	return path, nil
}

// writeFile writes a file that only its owner may read, with its folder.
func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("create folder: %w", err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	return nil
}
