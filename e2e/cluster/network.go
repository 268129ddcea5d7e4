package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// Addresses inside a cluster's network namespaces. Every cluster has the same
// ones, since no two share a namespace.
const (
	podCIDR       = "10.244.0.0/16"
	serviceCIDR   = "10.96.0.0/16"
	apiServiceIP  = "10.96.0.1"
	apiPort       = 6443
	gatewayPort   = 80
	tlsPort       = 443
	metricsPort   = 8082
	firstTCPPort  = 9001 // of as many in a row as there are listeners for TCP
	tcpPorts      = 3
	clusterDomain = "cluster.local"
	// Istiod is where each proxy of the first node's network asks for its configuration, and where it tells what it thinks.
	istiodAddress      = "127.0.0.1:15010"
	istiodDebugAddress = "127.0.0.1:15080"
	istioNamespace     = "istio-system"
)

// link carries a node's address. On the first node it is a bridge, whose ports
// are the cables to the other nodes, where it is a cable's end. Without them it
// has no ports: a bridge is what kernels without the dummy driver offer for an
// address that is not the loopback's.
const link = "crossfade0"

const ip = "/sbin/ip"

// networkSettings are those of the kernel that each network namespace has for itself.
var networkSettings = map[string]string{
	"net/ipv4/ip_forward":                "1",
	"net/bridge/bridge-nf-call-iptables": "1",
	"net/ipv4/ip_local_port_range":       "15000 65000",
	"net/ipv4/conf/default/rp_filter":    "0",
	"net/ipv4/conf/all/rp_filter":        "0",
}

// connectNodes sets up the network of each node and the ways between them.
func (b *boot) connectNodes(ctx context.Context) error {
	nodes := b.spec.machines()
	for _, n := range nodes {
		if err := b.on(n, func() error { return b.configureNetwork(ctx, n) }); err != nil {
			return err
		}
		if n.isFirst() {
			continue
		}
		// The other end of the node's cable, which is already here.
		if err := b.ip(ctx, []string{"link", "set", n.Name, "master", link, "up"}); err != nil {
			return err
		}
	}
	for _, n := range nodes {
		for _, other := range nodes {
			if n == other {
				continue
			}
			route := []string{"route", "add", other.PodCIDR(), "via", other.IP(), "dev", link}
			if err := b.on(n, func() error { return b.ip(ctx, route) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// configureNetwork sets up the new network namespace of a node. The caller is on
// the node's machine.
func (b *boot) configureNetwork(ctx context.Context, n node) error {
	addition := []string{"link", "add", link, "type", "bridge"}
	if !n.isFirst() {
		// Process 1 is the supervisor, in the first node's namespace.
		addition = []string{"link", "add", link, "type", "veth", "peer", "name", n.Name, "netns", "1"}
	}
	err := b.ip(ctx,
		[]string{"link", "set", "lo", "up"},
		addition,
		[]string{"address", "add", n.IP() + "/24", "dev", link},
		[]string{"link", "set", link, "up"},
		// Nothing is out there, but programs look for the address of the default route.
		[]string{"route", "add", "default", "dev", link},
	)
	if err != nil {
		return err
	}
	for name, value := range networkSettings {
		err := os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0)
		// A kernel without bridge filtering has no such file, and no need for it in
		// a cluster whose pods reach Services through routing alone.
		if err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}

func (b *boot) ip(ctx context.Context, commands ...[]string) error {
	for _, arguments := range commands {
		if err := b.sup.Run(ctx, append([]string{ip}, arguments...)...); err != nil {
			return fmt.Errorf("configure network: %w", err)
		}
	}
	return nil
}
