package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

func TestDefaultName(t *testing.T) {
	one, other := DefaultName("/src/one", false, 1), DefaultName("/src/other", false, 1)
	require.NotEqual(t, one, other, "two checkouts must not collide")
	require.Equal(t, one, DefaultName("/src/one", false, 1))
	require.Equal(t, one+"-cp", DefaultName("/src/one", true, 1), "both modes can run at once")
	require.Equal(t, []string{one, one + "-cp", one + "-n2", one + "-n2-cp", one + "-n3", one + "-n3-cp"}, DefaultNames("/src/one"))
	for _, name := range DefaultNames("/src/one") {
		require.NoError(t, CheckName(name))
	}
}

func TestCheckName(t *testing.T) {
	for name, valid := range map[string]bool{
		"a": true, "a-b-1": true, strings.Repeat("a", 32): true,
		"": false, "-a": false, "a-": false, "A": false, "a/b": false, "..": false, strings.Repeat("a", 33): false,
	} {
		require.Equal(t, valid, CheckName(name) == nil, "%q", name)
	}
}

func TestFindCheckout(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	inner := filepath.Join(root, "e2e", "cluster")
	require.NoError(t, os.MkdirAll(inner, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, moduleFile), nil, 0o600))
	found, err := FindCheckout(inner)
	require.NoError(t, err)
	require.Equal(t, root, found)
	_, err = FindCheckout(t.TempDir())
	require.ErrorContains(t, err, "run this in a checkout")
}

func TestNode(t *testing.T) {
	require.Equal(t, "10.99.0.1", node{}.IP())
	require.Equal(t, "10.244.0.0/24", node{}.PodCIDR())
	require.Equal(t, "10.99.0.3", node{Index: 2}.IP())
	require.Equal(t, "10.244.2.0/24", node{Index: 2}.PodCIDR())
}

func TestParseNodes(t *testing.T) {
	for text, want := range map[string]int{"": 1, "1": 1, "2": 2, "3": 3} {
		count, err := ParseNodes(text)
		require.NoError(t, err)
		require.Equal(t, want, count)
	}
	for _, text := range []string{"0", "4", "-1", "two", "1.5"} {
		_, err := ParseNodes(text)
		require.ErrorContains(t, err, "a cluster has 1, 2 or 3 nodes", text)
	}
}

func TestWriteConfigs(t *testing.T) {
	t.Setenv(stateVariable, t.TempDir())
	c, err := Open("rendered")
	require.NoError(t, err)

	t.Run("a full cluster gets the files of its node", func(t *testing.T) {
		require.NoError(t, c.writeConfigs(Spec{}))
		kubelet := decode(t, c.path("node-0", "kubelet.yaml"))
		require.Equal(t, "/crossfade/rendered", kubelet["cgroupRoot"])
		require.Equal(t, "unix://"+c.path("node-0", "containerd.sock"), kubelet["containerRuntimeEndpoint"])
		require.Equal(t, map[string]any{}, kubelet["evictionHard"], "an absent map would mean the defaults")
		require.Equal(t, "2s", kubelet["crashLoopBackOff"].(map[string]any)["maxContainerRestartPeriod"])
		proxy := decode(t, c.path("node-0", "kube-proxy.yaml"))
		require.Equal(t, podCIDR, proxy["clusterCIDR"])
		network := decode(t, c.path("node-0", "cni", "net.d", "10-crossfade.conflist"))
		bridge := network["plugins"].([]any)[0].(map[string]any)
		require.Equal(t, true, bridge["hairpinMode"])
	})
	t.Run("the gateway's class names the controller of the mode", func(t *testing.T) {
		for controlPlaneOnly, want := range map[bool]string{false: traefikController, true: "crossfade.io/acceptor"} {
			require.NoError(t, c.writeConfigs(Spec{ControlPlaneOnly: controlPlaneOnly}))
			objects, err := readObjects(c.path("config", "gateway.yaml"))
			require.NoError(t, err)
			require.Equal(t, "GatewayClass", objects[0].GetKind())
			require.Equal(t, map[string]any{"controllerName": want}, objects[0].Object["spec"])
		}
	})
	t.Run("each node has files of its own", func(t *testing.T) {
		require.NoError(t, c.writeConfigs(Spec{Nodes: 3}))
		kubelet := decode(t, c.path("node-2", "kubelet.yaml"))
		require.Equal(t, "/crossfade/rendered/node-2", kubelet["cgroupRoot"], "a kubelet removes pods there that aren't its own")
		require.Equal(t, "10.99.0.3", kubelet["address"])
		require.Equal(t, "unix://"+c.path("node-2", "containerd.sock"), kubelet["containerRuntimeEndpoint"])
		network := decode(t, c.path("node-2", "cni", "net.d", "10-crossfade.conflist"))
		bridge := network["plugins"].([]any)[0].(map[string]any)
		require.Equal(t, []any{[]any{map[string]any{"subnet": "10.244.2.0/24"}}}, bridge["ipam"].(map[string]any)["ranges"])
	})
	t.Run("every socket path fits into a socket address", func(t *testing.T) {
		longest := Cluster{name: strings.Repeat("a", 32), dir: filepath.Join(stateRoot, strings.Repeat("a", 32))}
		require.Less(t, len(longest.containerdSocket(node{Name: "node-0"})+".ttrpc"), 108)
		require.Less(t, len(longest.path("node-0", "kubelet", "plugins_registry", "kubelet.sock")), 108)
	})
}

func TestWriteCredentials(t *testing.T) {
	t.Setenv(stateVariable, t.TempDir())
	c, err := Open("credentials")
	require.NoError(t, err)
	require.NoError(t, c.writeCredentials(Spec{APIPort: 12345}))

	outside, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	require.NoError(t, err)
	require.Equal(t, "https://127.0.0.1:12345", outside.Host)
	inside, err := clientcmd.BuildConfigFromFlags("", c.InternalKubeconfig())
	require.NoError(t, err)
	require.Equal(t, "https://10.99.0.1:6443", inside.Host, "from every node")
	require.NotEmpty(t, inside.CertData)
	require.FileExists(t, c.path("auth", "kubelet-node-0.kubeconfig"))
	info, err := os.Stat(c.Kubeconfig())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "it holds the administrator's key")
}

func TestParseObjects(t *testing.T) {
	objects, err := parseObjects([]byte("# only a comment\n---\nkind: A\nmetadata: {name: a}\n---\n\n---\nkind: B\n"))
	require.NoError(t, err)
	require.Len(t, objects, 2)
	require.Equal(t, "a", objects[0].GetName())
	require.Equal(t, "gateways", resourceOf(objects[0].GroupVersionKind().GroupVersion().WithKind("Gateway")).Resource)
	require.Equal(t, "gatewayclasses", resourceOf(objects[0].GroupVersionKind().GroupVersion().WithKind("GatewayClass")).Resource)
}

func decode(t *testing.T, path string) map[string]any {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	var out map[string]any
	require.NoError(t, yaml.UnmarshalStrict(content, &out))
	return out
}
