// Package controlplane runs the real controller, as a process, against a control plane without nodes:
// for tests and benchmarks of what goes between the two.
package controlplane

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/e2e/cluster"
)

// User is whom the controller acts as.
const User = "system:serviceaccount:crossfade:crossfade"

// GateVariable says how templates are held: webhook, or by policy if it is empty.
const GateVariable = "CROSSFADE_GATE"

// patience bounds every wait on a control plane.
const patience = 60 * time.Second

// Controller is a running controller.
type Controller struct {
	// Client acts as the administrator, Own as the controller's own user.
	Client, Own dynamic.Interface
	// Log is the path of the controller's log.
	Log string

	program
	named cluster.Cluster
	audit string
}

// Start installs CRDs and policies, builds the controller from this checkout and runs it until the test
// ends. KUBECONFIG names the control plane.
func Start(t testing.TB, flags ...string) *Controller {
	t.Helper()
	return StartThrough(t, nil, flags...)
}

// StartThrough is Start with a controller that reaches the API server through what wrap makes of the plain
// way; nil leaves it plain.
func StartThrough(t testing.TB, wrap func(http.Handler) http.Handler, flags ...string) *Controller {
	t.Helper()
	path := os.Getenv("KUBECONFIG")
	require.NotEmpty(t, path, "KUBECONFIG must name a control plane: make api, make bench")
	file, err := clientcmd.LoadFromFile(path)
	require.NoError(t, err)
	config := configOf(t, file)
	client, err := dynamic.NewForConfig(config)
	require.NoError(t, err)
	own := rest.CopyConfig(config)
	own.Impersonate = rest.ImpersonationConfig{UserName: User, Groups: []string{"system:masters"}}
	acts, err := dynamic.NewForConfig(own)
	require.NoError(t, err)
	named, err := cluster.Open(strings.TrimPrefix(file.CurrentContext, "crossfade-"))
	require.NoError(t, err)
	c := &Controller{Client: client, Own: acts, named: named, audit: named.AuditLog()}
	c.installCRDs(t)
	flags = append(flags, c.installGate(t, os.Getenv(GateVariable) == "webhook")...)
	if wrap != nil {
		detour(t, file, config, wrap)
	}
	c.Log = filepath.Join(t.TempDir(), "controller.log")
	c.build(t, file, flags, c.Log)
	c.Launch(t)
	return c
}

func configOf(t testing.TB, file *api.Config) *rest.Config {
	t.Helper()
	config, err := clientcmd.NewDefaultClientConfig(*file, nil).ClientConfig()
	require.NoError(t, err)
	config.QPS = -1
	return config
}

// checkout is the root of the product's module.
func checkout(t testing.TB) string {
	t.Helper()
	root, err := cluster.FindCheckout(".")
	require.NoError(t, err)
	return root
}

func (c *Controller) installCRDs(t testing.TB) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(checkout(t), "charts/crossfade/crds/*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	crds := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		crd := &unstructured.Unstructured{}
		require.NoError(t, yaml.Unmarshal(text, &crd.Object))
		_, err = c.Client.Resource(crds).Apply(t.Context(), crd.GetName(), crd, metav1.ApplyOptions{FieldManager: "test", Force: true})
		require.NoError(t, err)
	}
	for _, resource := range []schema.GroupVersionResource{Rollouts, Releases, RouteKinds} {
		Await(t, "CRD of "+resource.Resource+" is served", func(ctx context.Context) (bool, string) {
			_, err := c.Client.Resource(resource).List(ctx, metav1.ListOptions{})
			return err == nil, fmt.Sprint(err)
		})
	}
}

// apply creates a typed object unless it exists, and removes it when the test ends.
func (c *Controller) apply(t testing.TB, resource schema.GroupVersionResource, obj runtime.Object) {
	t.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	require.NoError(t, err)
	made, err := c.Client.Resource(resource).Create(t.Context(), &unstructured.Unstructured{Object: content}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return
	}
	require.NoError(t, err)
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() { _ = c.Client.Resource(resource).Delete(ctx, made.GetName(), metav1.DeleteOptions{}) })
}

// CPU is the processor time that the controller has used so far.
func (c *Controller) CPU(t testing.TB) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.process.Process.Pid))
	require.NoError(t, err)
	// The command's name, in brackets, may hold spaces: count the fields behind it.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		require.NoError(t, err)
		ticks += n
	}
	const ticksPerSecond = 100 // USER_HZ, fixed on Linux
	return time.Duration(ticks) * time.Second / ticksPerSecond
}

// Memory is what the controller has in the machine's memory now, in MiB.
func (c *Controller) Memory(t testing.TB) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", c.process.Process.Pid))
	require.NoError(t, err)
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64) // the second field are those in memory
	require.NoError(t, err)
	return float64(pages) * float64(os.Getpagesize()) / (1 << 20)
}

// Await polls until the condition holds, and fails with what was seen last.
func Await(t testing.TB, what string, holds func(context.Context) (bool, string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		ok, seen := holds(ctx)
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			require.FailNow(t, "waited in vain", "%s: saw %s", what, seen)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
