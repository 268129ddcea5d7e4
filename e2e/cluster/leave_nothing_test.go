//go:build cluster

package cluster_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"crossfade.io/crossfade/e2e/cluster"
)

// bootLimit is how long a cluster may take on a busy machine, and how long
// anything else may that this test waits for.
const bootLimit = 3 * time.Minute

// TestDownLeavesNothing needs root and a built cache (`cluster build`), and
// takes some minutes.
func TestDownLeavesNothing(t *testing.T) {
	program := filepath.Join(t.TempDir(), "cluster")
	build := exec.Command("go", "build", "-o", program, "./cmd/cluster")
	output, err := build.CombinedOutput()
	require.NoError(t, err, string(output))
	launcher := launcher{program: program, name: fmt.Sprintf("leave-nothing-%d", os.Getpid()), nodes: "1"}
	t.Cleanup(func() { launcher.run(t, "down") })

	before := observe(t, launcher.name)
	started := time.Now()
	launcher.run(t, "up")
	whole := time.Since(started)

	t.Run("after a whole life with a running pod", func(t *testing.T) {
		runPods(t, launcher.name, 1)
		launcher.run(t, "down")
		requireNothingLeft(t, before, launcher.name)
	})
	t.Run("down is idempotent", func(t *testing.T) {
		launcher.run(t, "down")
		requireNothingLeft(t, before, launcher.name)
	})
	// Dense where namespaces and control groups are made, then spread out.
	var moments []time.Duration
	for early := 10 * time.Millisecond; early <= 160*time.Millisecond; early += 15 * time.Millisecond {
		moments = append(moments, early)
	}
	for i := 1; i <= 8; i++ {
		moments = append(moments, whole*time.Duration(i)/9)
	}
	for _, moment := range moments {
		t.Run(fmt.Sprintf("after up was killed at %s", moment.Round(time.Millisecond)), func(t *testing.T) {
			launcher.killUp(t, moment)
			launcher.run(t, "down")
			requireNothingLeft(t, before, launcher.name)
		})
	}
	t.Run("up after a killed up makes a healthy cluster", func(t *testing.T) {
		launcher.killUp(t, whole/3)
		launcher.run(t, "up")
		launcher.run(t, "status")
		launcher.run(t, "down")
		requireNothingLeft(t, before, launcher.name)
	})
	launcher.nodes = "3"
	t.Run("after a whole life of three nodes with a running pod on each", func(t *testing.T) {
		launcher.run(t, "up")
		runPods(t, launcher.name, 3)
		launcher.run(t, "down")
		requireNothingLeft(t, before, launcher.name)
	})
	// When the nodes get their namespaces, and when they run.
	for _, moment := range []time.Duration{300 * time.Millisecond, whole * 2 / 3} {
		t.Run(fmt.Sprintf("after up of three nodes was killed at %s", moment.Round(time.Millisecond)), func(t *testing.T) {
			launcher.killUp(t, moment)
			launcher.run(t, "down")
			requireNothingLeft(t, before, launcher.name)
		})
	}
}

type launcher struct{ program, name, nodes string }

func (l launcher) run(t *testing.T, verb string) {
	t.Helper()
	output, err := exec.Command(l.program, verb, "--name", l.name, "--nodes", l.nodes).CombinedOutput()
	require.NoError(t, err, "cluster %s: %s", verb, output)
}

// killUp starts `up` and kills it after a while.
func (l launcher) killUp(t *testing.T, after time.Duration) {
	t.Helper()
	var output bytes.Buffer
	up := exec.Command(l.program, "up", "--name", l.name, "--nodes", l.nodes)
	up.Stdout, up.Stderr = &output, &output
	require.NoError(t, up.Start())
	// The moment is what is tested, so this is a wait for time and no condition.
	time.Sleep(after)
	_ = up.Process.Signal(syscall.SIGKILL)
	_ = up.Wait()
}

// runPods starts a pod on every node, so that there are sandboxes, mounts and
// rules to remove. There must be so many nodes.
func runPods(t *testing.T, name string, count int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bootLimit)
	defer cancel()
	c, err := cluster.Open(name)
	require.NoError(t, err)
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	require.NoError(t, err)
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, nodes.Items, count)
	pods := client.CoreV1().Pods("default")
	for _, node := range nodes.Items {
		_, err = pods.Create(ctx, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "pause-" + node.Name},
			Spec: corev1.PodSpec{NodeName: node.Name, Containers: []corev1.Container{{
				Name: "pause", Image: cluster.PauseImage, ImagePullPolicy: corev1.PullNever,
			}}},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	seen := map[string]corev1.PodPhase{}
	require.Eventually(t, func() bool {
		found, err := pods.List(ctx, metav1.ListOptions{FieldSelector: "status.phase=Running"})
		for _, pod := range found.Items {
			seen[pod.Spec.NodeName] = pod.Status.Phase
		}
		return err == nil && len(found.Items) == count
	}, bootLimit, 100*time.Millisecond, "pods running: %v", seen)
}
