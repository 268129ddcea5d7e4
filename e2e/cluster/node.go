package cluster

import "crossfade.io/crossfade/e2e/cluster/supervisor"

func (b *boot) containerd(n node) supervisor.Component {
	return supervisor.Component{
		Name: n.component("containerd"),
		Argv: []string{"/usr/bin/containerd", "--config=" + b.path(n.Name, "containerd.toml")},
		Env:  b.environment(),
	}
}

func (b *boot) kubelet(n node) supervisor.Component {
	return b.kubernetesOn(n, "kubelet",
		"--config="+b.path(n.Name, "kubelet.yaml"),
		"--kubeconfig="+b.kubeconfig("kubelet-"+n.Name),
		"--hostname-override="+n.Name,
		// Without it the kubelet asks DNS for its own address, for 20 s and more.
		"--node-ip="+n.IP(),
		"--root-dir="+b.path(n.Name, "kubelet"),
		"--cert-dir="+b.path(n.Name, "kubelet-pki"),
	)
}

func (b *boot) proxy(n node) supervisor.Component {
	return b.kubernetesOn(n, "kube-proxy", "--config="+b.path(n.Name, "kube-proxy.yaml"))
}

// traefik is the gateway and the ingress controller. It is no pod: it shares
// the first node's network, as a pod with hostNetwork would. It goes first where processor time is short, as one on a
// machine of its own would not notice: else it is the first to fall behind, and then every request waits.
func (b *boot) traefik() supervisor.Component {
	return supervisor.Component{
		Name: "traefik",
		Argv: []string{"/usr/bin/nice", "--adjustment=-10", b.spec.Files["traefik"], "--configFile=" + b.path("config", "traefik.yaml")},
		Env:  append(b.environment(), "KUBECONFIG="+b.kubeconfig("traefik")),
	}
}

// istiod serves the mesh's clients on the nodes' network, without certificates. It is no pod either.
func (b *boot) istiod() supervisor.Component {
	return supervisor.Component{
		Name: "istiod",
		Argv: []string{
			b.spec.Files["istiod"], "discovery", "--kubeconfig=" + b.kubeconfig("istiod"), "--meshConfig=" + b.path("config", "istio-mesh.yaml"),
			"--grpcAddr=" + istiodAddress, "--httpAddr=" + istiodDebugAddress, "--monitoringAddr=", "--httpsAddr=", "--secureGRPCAddr=", "--ctrlz_port=0",
		},
		Env: append(b.environment(), "ENABLE_CA_SERVER=false", "PILOT_CERT_PROVIDER=none", "INJECTION_WEBHOOK_CONFIG_NAME=",
			"VALIDATION_WEBHOOK_CONFIG_NAME=", "POD_NAMESPACE="+istioNamespace, "POD_NAME=istiod",
			// It is no gateway: Traefik is, and no class and no Deployment is to be made.
			"PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER=false", "PILOT_ENABLE_GATEWAY_API_GATEWAYCLASS_CONTROLLER=false"),
	}
}

// kubernetes is a component out of the multi-call binary.
func (b *boot) kubernetes(name string, args ...string) supervisor.Component {
	return supervisor.Component{
		Name: name,
		Argv: append([]string{b.spec.Files["kubernetes"], name}, args...),
		Env:  b.environment(),
	}
}

// kubernetesOn is one that every node has.
func (b *boot) kubernetesOn(n node, name string, args ...string) supervisor.Component {
	component := b.kubernetes(name, args...)
	component.Name = n.component(name)
	return component
}

func (b *boot) kubeconfig(identity string) string {
	return b.path("auth", identity+".kubeconfig")
}

// environment is the same for every component, whatever `up` was called with.
func (b *boot) environment() []string {
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + b.path("tmp"),
		"TMPDIR=" + b.path("tmp"),
	}
}

// containerdSocket is where the node's container runtime listens. It is on disk
// and not in /run, which is private to the cluster, so that images can be
// loaded from outside.
func (c Cluster) containerdSocket(n node) string {
	return c.path(n.Name, "containerd.sock")
}
