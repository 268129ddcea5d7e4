package cluster

import (
	"fmt"

	"crossfade.io/crossfade/e2e/cluster/supervisor"
)

// etcd keeps its data without fsync: a test cluster does not outlive its machine.
func (b *boot) etcd() supervisor.Component {
	return b.kubernetes("etcd",
		"--name=crossfade",
		"--data-dir="+b.path("etcd"),
		"--unsafe-no-fsync",
		"--listen-client-urls=http://127.0.0.1:2379",
		"--advertise-client-urls=http://127.0.0.1:2379",
		"--listen-peer-urls=http://127.0.0.1:2380",
		"--initial-advertise-peer-urls=http://127.0.0.1:2380",
		"--initial-cluster=crossfade=http://127.0.0.1:2380",
		"--log-level=warn",
	)
}

func (b *boot) apiServer() supervisor.Component {
	args := []string{
		"--etcd-servers=http://127.0.0.1:2379",
		"--advertise-address=" + b.spec.nodes()[0].IP(),
		fmt.Sprintf("--secure-port=%d", apiPort),
		"--client-ca-file=" + b.path("pki", "ca.crt"),
		"--tls-cert-file=" + b.path("pki", "apiserver.crt"),
		"--tls-private-key-file=" + b.path("pki", "apiserver.key"),
		"--kubelet-certificate-authority=" + b.path("pki", "ca.crt"),
		"--kubelet-client-certificate=" + b.path("pki", "apiserver-kubelet.crt"),
		"--kubelet-client-key=" + b.path("pki", "apiserver-kubelet.key"),
		"--kubelet-preferred-address-types=InternalIP",
		// What it says with these is believed by those that serve a part of its API, such as metrics.
		"--proxy-client-cert-file=" + b.path("pki", "front-proxy.crt"),
		"--proxy-client-key-file=" + b.path("pki", "front-proxy.key"),
		"--requestheader-client-ca-file=" + b.path("pki", "front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--service-account-issuer=https://kubernetes.default.svc." + clusterDomain,
		"--service-account-key-file=" + b.path("pki", "sa.crt"),
		"--service-account-signing-key-file=" + b.path("pki", "sa.key"),
		"--service-cluster-ip-range=" + serviceCIDR,
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--audit-policy-file=" + b.path("config", "audit-policy.yaml"),
		"--audit-log-path=" + b.AuditLog(),
		// Each event is written before its answer is sent, so that a test that counts
		// requests misses none; and the log is never rotated away under it.
		"--audit-log-mode=blocking",
		"--audit-log-maxsize=1000000",
		"--profiling=false",
	}
	return b.kubernetes("kube-apiserver", append(args, b.spec.APIServerArgs...)...)
}

func (b *boot) controllerManager() supervisor.Component {
	kubeconfig := b.kubeconfig("kube-controller-manager")
	return b.kubernetes("kube-controller-manager",
		"--kubeconfig="+kubeconfig,
		"--authentication-kubeconfig="+kubeconfig,
		"--authorization-kubeconfig="+kubeconfig,
		// Told here what it would look up in the cluster, for which it is too early.
		"--authentication-skip-lookup",
		"--client-ca-file="+b.path("pki", "ca.crt"),
		"--bind-address=127.0.0.1",
		"--leader-elect=false",
		"--controllers=*,-certificatesigningrequest-approving-controller",
		"--use-service-account-credentials",
		"--root-ca-file="+b.path("pki", "ca.crt"),
		"--service-account-private-key-file="+b.path("pki", "sa.key"),
		"--kube-api-qps=200",
		"--kube-api-burst=400",
		// A test of an autoscaler waits for it several times.
		"--horizontal-pod-autoscaler-sync-period=2s",
		"--profiling=false",
	)
}

func (b *boot) scheduler() supervisor.Component {
	kubeconfig := b.kubeconfig("kube-scheduler")
	return b.kubernetes("kube-scheduler",
		"--config="+b.path("config", "kube-scheduler.yaml"),
		"--authentication-kubeconfig="+kubeconfig,
		"--authorization-kubeconfig="+kubeconfig,
		// Told here what it would look up in the cluster, for which it is too early.
		"--authentication-skip-lookup",
		"--client-ca-file="+b.path("pki", "ca.crt"),
		"--bind-address=127.0.0.1",
	)
}

// kwok simulates the kubelet of every node: pods are Ready as soon as they are
// scheduled and gone as soon as they are deleted.
func (b *boot) kwok() supervisor.Component {
	return supervisor.Component{
		Name: "kwok",
		Argv: []string{
			b.spec.Files["kwok"],
			"--kubeconfig=" + b.kubeconfig("kwok"),
			"--config=" + b.spec.Files["kwok-stages.yaml"],
			"--manage-all-nodes",
			"--node-ip=" + b.spec.nodes()[0].IP(),
			"--cidr=" + podCIDR,
			// Above zero, or KWOK renews no lease and the node is taken for lost.
			"--node-lease-duration-seconds=40",
		},
		Env: b.environment(),
	}
}
