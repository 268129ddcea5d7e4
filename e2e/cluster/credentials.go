package cluster

import (
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"crossfade.io/crossfade/e2e/cluster/pki"
)

// identity is a client of the API server: who it says it is, to the API server.
type identity struct {
	file   string
	user   string
	groups []string
}

func (s Spec) identities() []identity {
	all := []identity{
		{file: "admin", user: "admin", groups: []string{"system:masters"}},
		{file: "kube-controller-manager", user: "system:kube-controller-manager"},
		{file: "kube-scheduler", user: "system:kube-scheduler"},
		{file: "kwok", user: "kwok", groups: []string{"system:masters"}},
		{file: "istiod", user: "istiod", groups: []string{"system:masters"}},
		{file: "kube-proxy", user: "system:kube-proxy"},
		{file: "traefik", user: "traefik"},
	}
	for _, n := range s.nodes() {
		all = append(all, identity{file: "kubelet-" + n.Name, user: "system:node:" + n.Name, groups: []string{"system:nodes"}})
	}
	return all
}

// writeCredentials makes all keys and certificates and the kubeconfig files.
func (c Cluster) writeCredentials(spec Spec) error {
	authority, err := pki.NewAuthority("crossfade-cluster-" + c.name)
	if err != nil {
		return err
	}
	if err := writeFile(c.path("pki", "ca.crt"), authority.Certificate()); err != nil {
		return err
	}
	hosts := []string{
		"127.0.0.1", "localhost", apiServiceIP, spec.nodes()[0].IP(),
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + clusterDomain,
	}
	server, err := authority.Server("kube-apiserver", hosts...)
	if err != nil {
		return err
	}
	toKubelet, err := authority.Client("kube-apiserver-kubelet-client", "system:masters")
	if err != nil {
		return err
	}
	toExtension, err := c.frontProxy()
	if err != nil {
		return err
	}
	signing, err := pki.SigningKey()
	if err != nil {
		return err
	}
	pairs := map[string]pki.Pair{"apiserver": server, "apiserver-kubelet": toKubelet, "front-proxy": toExtension, "sa": signing}
	for _, n := range spec.nodes() {
		if pairs["kubelet-"+n.Name], err = authority.Server("system:node:"+n.Name, n.Name, n.IP()); err != nil {
			return err
		}
	}
	for name, pair := range pairs {
		if err := c.writePair(name, pair); err != nil {
			return err
		}
	}
	return c.writeKubeconfigs(spec, authority)
}

// frontProxy is who the API server is to those that serve a part of its API. Its authority is one of its own: who bears
// its certificate may speak for everybody.
func (c Cluster) frontProxy() (pki.Pair, error) {
	authority, err := pki.NewAuthority("crossfade-front-proxy-" + c.name)
	if err != nil {
		return pki.Pair{}, err
	}
	if err := writeFile(c.path("pki", "front-proxy-ca.crt"), authority.Certificate()); err != nil {
		return pki.Pair{}, err
	}
	return authority.Client("front-proxy")
}

func (c Cluster) writePair(name string, pair pki.Pair) error {
	if err := writeFile(c.path("pki", name+".crt"), pair.Certificate); err != nil {
		return err
	}
	return writeFile(c.path("pki", name+".key"), pair.Key)
}

func (c Cluster) writeKubeconfigs(spec Spec, authority *pki.Authority) error {
	// Not the loopback address: every node has one of its own.
	inside := fmt.Sprintf("https://%s:%d", spec.nodes()[0].IP(), apiPort)
	for _, id := range spec.identities() {
		pair, err := authority.Client(id.user, id.groups...)
		if err != nil {
			return err
		}
		content, err := kubeconfig(c.name, inside, id.user, authority.Certificate(), pair)
		if err != nil {
			return err
		}
		if err := writeFile(c.path("auth", id.file+".kubeconfig"), content); err != nil {
			return err
		}
		if id.file != "admin" {
			continue
		}
		outside := fmt.Sprintf("https://127.0.0.1:%d", spec.APIPort)
		content, err = kubeconfig(c.name, outside, id.user, authority.Certificate(), pair)
		if err != nil {
			return err
		}
		if err := writeFile(c.Kubeconfig(), content); err != nil {
			return err
		}
	}
	return nil
}

// kubeconfig renders a configuration with everything inline, so that it can be
// copied elsewhere.
func kubeconfig(name, server, user string, authority []byte, pair pki.Pair) ([]byte, error) {
	context := "crossfade-" + name
	content, err := clientcmd.Write(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{context: {Server: server, CertificateAuthorityData: authority}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{user: {ClientCertificateData: pair.Certificate, ClientKeyData: pair.Key}},
		Contexts:       map[string]*clientcmdapi.Context{context: {Cluster: context, AuthInfo: user}},
		CurrentContext: context,
	})
	if err != nil {
		return nil, fmt.Errorf("encode kubeconfig of %s: %w", user, err)
	}
	return content, nil
}
