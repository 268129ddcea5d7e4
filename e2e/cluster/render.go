package cluster

import (
	"bytes"
	"embed"
	"fmt"
	"text/template"

	"crossfade.io/crossfade/e2e/cluster/acceptor"
)

// templates are the components' configuration files.
//
//go:embed config/*
var templates embed.FS

// PauseImage holds a pod's namespaces open.
const PauseImage = "local/pause:1"

// traefikController is the name that Traefik claims GatewayClasses by.
const traefikController = "traefik.io/gateway-controller"

// settings are what the templates can refer to.
type settings struct {
	cluster Cluster
	spec    Spec

	Node node
}

// Path is a path in the cluster's folder.
func (s settings) Path(parts ...string) string { return s.cluster.path(parts...) }

// Socket is where the node's container runtime listens.
func (s settings) Socket() string { return s.cluster.containerdSocket(s.Node) }

// CgroupRoot is what the node's kubelet puts its pods below, and what it removes
// others from.
func (s settings) CgroupRoot() string {
	if s.Node.isFirst() {
		return s.cluster.group.Root()
	}
	return s.cluster.group.Root() + "/" + s.Node.Name
}

// GatewayController is the name of the controller that implements the Gateway.
func (s settings) GatewayController() string {
	if s.spec.ControlPlaneOnly {
		return string(acceptor.ControllerName)
	}
	return traefikController
}

// Istio says whether there is istiod.
func (s settings) Istio() bool { return s.spec.Istio }

func (settings) IstioNamespace() string { return istioNamespace }

func (settings) PauseImage() string    { return PauseImage }
func (settings) PodCIDR() string       { return podCIDR }
func (settings) ClusterDomain() string { return clusterDomain }
func (settings) GatewayPort() int      { return gatewayPort }
func (settings) TLSPort() int          { return tlsPort }

// TCPPorts are those of the Gateway's listeners for TCP: each carries one TCPRoute.
func (settings) TCPPorts() []int {
	ports := make([]int, tcpPorts)
	for i := range ports {
		ports[i] = firstTCPPort + i
	}
	return ports
}

func (settings) MetricsPort() int { return metricsPort }

// render fills one template in.
func (s settings) render(name string) ([]byte, error) {
	parsed, err := template.ParseFS(templates, "config/"+name)
	if err != nil {
		return nil, fmt.Errorf("parse template %s: %w", name, err)
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, s); err != nil {
		return nil, fmt.Errorf("render template %s: %w", name, err)
	}
	return out.Bytes(), nil
}

// writeConfigs writes the configuration file of every component of the mode.
func (c Cluster) writeConfigs(spec Spec) error {
	first := settings{cluster: c, spec: spec, Node: spec.nodes()[0]}
	shared := []string{"audit-policy.yaml", "kube-scheduler.yaml", "base.yaml", "gateway.yaml"}
	if !spec.ControlPlaneOnly {
		shared = append(shared, "traefik.yaml", "istio-mesh.yaml")
	}
	for _, name := range shared {
		if err := first.write(name, c.path("config", name)); err != nil {
			return err
		}
	}
	if spec.ControlPlaneOnly {
		return nil
	}
	for _, n := range spec.nodes() {
		own := settings{cluster: c, spec: spec, Node: n}
		targets := map[string]string{
			"kubelet.yaml":    c.path(n.Name, "kubelet.yaml"),
			"kube-proxy.yaml": c.path(n.Name, "kube-proxy.yaml"),
			"containerd.toml": c.path(n.Name, "containerd.toml"),
			"cni.conflist":    c.path(n.Name, "cni", "net.d", "10-crossfade.conflist"),
		}
		for name, path := range targets {
			if err := own.write(name, path); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s settings) write(name, path string) error {
	content, err := s.render(name)
	if err != nil {
		return err
	}
	return writeFile(path, content)
}
