// Package monitoring puts a real Prometheus into a test cluster, as a pod that scrapes the gateway and the pods that ask for it.
package monitoring

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/e2e/cluster/build"
	"crossfade.io/crossfade/e2e/manifest"
	"crossfade.io/crossfade/e2e/suite/world"
)

const (
	namespace, name = "crossfade-prometheus", "prometheus"
	// image of its pod.
	image = "crossfade.io/prometheus:e2e"
	// traefik serves its metrics at the gateway's address.
	traefik = world.GatewayAddress + ":8082"
	// patience bounds how long it may take to serve, or to end.
	patience = 3 * time.Minute
)

//go:embed objects.yaml
var manifests string

// Prometheus is the one of a cluster.
type Prometheus struct{ world *world.World }

// Install puts Prometheus into a cluster at world.PrometheusURL, and returns once it serves. Its program is built if the cache
// has none, which takes minutes. It stays for as long as the cluster does.
func Install(ctx context.Context, w *world.World, progress io.Writer) (*Prometheus, error) {
	binary, err := build.Prometheus(ctx, w.Checkout, progress)
	if err != nil {
		return nil, err
	}
	if err := w.Cluster.LoadBinary(ctx, image, binary, nil); err != nil {
		return nil, err
	}
	objects, err := manifest.Render(manifests, struct{ Address, Image, Traefik, Storage string }{
		world.PrometheusAddress, image, traefik, filepath.Join(w.Cluster.Directory(), "prometheus"),
	})
	if err != nil {
		return nil, err
	}
	for _, obj := range objects {
		if err := w.Apply(ctx, obj); err != nil {
			return nil, err
		}
	}
	p := &Prometheus{w}
	return p, p.await(ctx, 1)
}

// Stop ends it, and returns when nobody answers at its address. What it stored stays.
func (p *Prometheus) Stop(ctx context.Context) error { return p.scale(ctx, 0) }

// Start starts it again with what it stored, and returns once it serves.
func (p *Prometheus) Start(ctx context.Context) error { return p.scale(ctx, 1) }

func (p *Prometheus) scale(ctx context.Context, replicas int) error {
	patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"replicas":`+strconv.Itoa(replicas)+`}}`))
	if err := p.world.Client.Patch(ctx, p.deployment(), patch); err != nil {
		return fmt.Errorf("scale Prometheus to %d: %w", replicas, err)
	}
	return p.await(ctx, replicas)
}

// await returns once so many of its pods are ready and there is no other.
func (p *Prometheus) await(ctx context.Context, replicas int) error {
	seen := ""
	err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		var pods corev1.PodList
		if err := p.world.Client.List(ctx, &pods, client.InNamespace(namespace)); err != nil {
			return false, err
		}
		ready := 0
		for _, pod := range pods.Items {
			seen = fmt.Sprintf("%s is %s: %v", pod.Name, pod.Status.Phase, pod.Status.ContainerStatuses)
			for _, c := range pod.Status.Conditions {
				if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
					ready++
				}
			}
		}
		return ready == replicas && len(pods.Items) == replicas, nil
	})
	if err != nil {
		return fmt.Errorf("wait for %d pods of Prometheus: %w; last seen: %s", replicas, err, seen)
	}
	return nil
}

func (p *Prometheus) deployment() *appsv1.Deployment {
	deployment := &appsv1.Deployment{}
	deployment.Namespace, deployment.Name = namespace, name
	return deployment
}

// Value is the sum of all that a query finds now, and how much that is.
func (p *Prometheus) Value(ctx context.Context, query string) (sum float64, series int, err error) {
	text, err := p.world.Kube.CoreV1().Services(namespace).ProxyGet("http", name, "9090", "/api/v1/query", map[string]string{"query": query}).DoRaw(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("ask Prometheus for %s: %w", query, err)
	}
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]json.RawMessage `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return 0, 0, fmt.Errorf("read what Prometheus answers to %s: %w", query, err)
	}
	for _, found := range answer.Data.Result {
		var number string
		if err := json.Unmarshal(found.Value[1], &number); err != nil {
			return 0, 0, fmt.Errorf("read what Prometheus answers to %s: %w", query, err)
		}
		value, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("read what Prometheus answers to %s: %w", query, err)
		}
		sum += value
	}
	return sum, len(answer.Data.Result), nil
}
