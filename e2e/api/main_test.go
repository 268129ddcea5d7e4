// Package api_test shows on a real API server what the API server decides: admission, fences,
// validation. KUBECONFIG names a control plane with the real controllers, such as the one of
// go run ./cluster/cmd/cluster up --control-plane-only.
package api_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// config returns the access to the cluster as its administrator.
func config(t *testing.T) *rest.Config {
	t.Helper()
	path := os.Getenv("KUBECONFIG")
	require.NotEmpty(t, path, "KUBECONFIG must name the test cluster")
	c, err := clientcmd.BuildConfigFromFlags("", path)
	require.NoError(t, err)
	c.QPS = -1
	return c
}

// as returns a client that acts as a user who may do everything.
func as(t *testing.T, user string) dynamic.Interface {
	t.Helper()
	c := config(t)
	c.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:masters"}}
	client, err := dynamic.NewForConfig(c)
	require.NoError(t, err)
	return client
}
