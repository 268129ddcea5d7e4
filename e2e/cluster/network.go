package cluster

import "fmt"

// Addresses inside a cluster's network namespace. Every cluster has the same
// ones, since no two share a namespace.
const (
	podCIDR       = "10.244.0.0/16"
	serviceCIDR   = "10.96.0.0/16"
	apiServiceIP  = "10.96.0.1"
	apiPort       = 6443
	gatewayPort   = 80
	metricsPort   = 8082
	clusterDomain = "cluster.local"
)

// node is one machine of the cluster. There is one now; more need a network
// namespace each, and this type is where they would get it.
type node struct {
	// Index counts from zero and sets the addresses.
	Index int
	// Name of the Node object.
	Name string
}

// IP is the node's address, on its bridge.
func (n node) IP() string { return fmt.Sprintf("10.99.0.%d", n.Index+1) }

// PodCIDR is the part of the cluster's pod addresses that is the node's.
func (n node) PodCIDR() string { return fmt.Sprintf("10.244.%d.0/24", n.Index) }

// nodes lists the machines of a cluster. The first also runs the control plane.
func (s Spec) nodes() []node {
	if s.ControlPlaneOnly {
		return []node{{Name: "kwok-node-0"}}
	}
	return []node{{Name: "node-0"}}
}
