package cluster

import (
	"fmt"
	"strconv"
)

// NodesVariable says how many nodes a cluster has, unless a flag does.
const NodesVariable = "NODES"

// mostNodes is what a machine with two processors still carries.
const mostNodes = 3

// ParseNodes reads how many nodes a cluster has; empty means one.
func ParseNodes(text string) (int, error) {
	if text == "" {
		return 1, nil
	}
	count, err := strconv.Atoi(text)
	if err != nil || count < 1 || count > mostNodes {
		return 0, fmt.Errorf("count nodes: %s is %q: a cluster has 1, 2 or 3 nodes", NodesVariable, text)
	}
	return count, nil
}

// node is one node of the cluster.
type node struct {
	// Index counts from zero and sets the addresses.
	Index int
	// Name of the Node object.
	Name string
}

// IP is the node's address, by which the others reach it.
func (n node) IP() string { return fmt.Sprintf("10.99.0.%d", n.Index+1) }

// PodCIDR is the part of the cluster's pod addresses that is the node's.
func (n node) PodCIDR() string { return fmt.Sprintf("10.244.%d.0/24", n.Index) }

// String is the node's name.
func (n node) String() string { return n.Name }

// isFirst tells whether the node is the one that also runs the control plane and
// the gateway, in the cluster's own namespaces.
func (n node) isFirst() bool { return n.Index == 0 }

// component names a process that every node has: on the first node as if it
// were the only one.
func (n node) component(program string) string {
	if n.isFirst() {
		return program
	}
	return program + "-" + n.Name
}

// nodes lists the nodes of a cluster, the first one first.
func (s Spec) nodes() []node {
	prefix := "node-"
	if s.ControlPlaneOnly {
		prefix = "kwok-node-"
	}
	var all []node
	for i := range max(1, s.Nodes) {
		all = append(all, node{Index: i, Name: prefix + strconv.Itoa(i)})
	}
	return all
}

// machines are the nodes that are more than an object: all of them, or of those
// that KWOK simulates the first, for its address.
func (s Spec) machines() []node {
	if s.ControlPlaneOnly {
		return s.nodes()[:1]
	}
	return s.nodes()
}

// otherNodes names the nodes with namespaces of their own: all but the first.
func (s Spec) otherNodes() []string {
	var names []string
	for _, n := range s.machines()[1:] {
		names = append(names, n.Name)
	}
	return names
}
