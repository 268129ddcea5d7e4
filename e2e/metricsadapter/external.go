// Package metricsadapter gives autoscalers of a test cluster what they go by: external metrics whose values a test sets,
// and what the pods really use.
package metricsadapter

import (
	"context"
	"fmt"
	"net"
	"sync"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/metrics/pkg/apis/external_metrics"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/cmd"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"
)

// External serves external metrics. Its zero value has none.
type External struct {
	mu     sync.Mutex
	values map[types.NamespacedName]int64
}

// Set gives a metric a value in a namespace.
func (e *External) Set(namespace, metric string, value int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.values == nil {
		e.values = map[types.NamespacedName]int64{}
	}
	e.values[types.NamespacedName{Namespace: namespace, Name: metric}] = value
}

// Serve serves the metrics on a listener, which it closes, until the context ends. The API server that the kubeconfig
// names is asked who may read them.
func (e *External) Serve(ctx context.Context, listener net.Listener, kubeconfig string) error {
	adapter := &cmd.AdapterBase{
		Name: "external-metrics", RemoteKubeConfigFile: kubeconfig,
		FlagSet: pflag.NewFlagSet("external-metrics", pflag.ContinueOnError),
	}
	adapter.InstallFlags()
	adapter.SecureServing.Listener = listener
	adapter.SecureServing.ServerCert.CertDirectory = "" // the certificate stays in memory
	adapter.Authentication.RemoteKubeConfigFile = kubeconfig
	adapter.Authorization.RemoteKubeConfigFile = kubeconfig
	adapter.WithExternalMetrics(e)
	if err := adapter.Run(ctx); err != nil {
		return fmt.Errorf("serve external metrics: %w", err)
	}
	return nil
}

// GetExternalMetric gives the one series of a metric; it has no labels to choose by.
func (e *External) GetExternalMetric(_ context.Context, namespace string, _ labels.Selector, info provider.ExternalMetricInfo) (*external_metrics.ExternalMetricValueList, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	value, known := e.values[types.NamespacedName{Namespace: namespace, Name: info.Metric}]
	if !known {
		return nil, provider.NewMetricNotFoundError(external_metrics.Resource("externalmetrics"), info.Metric)
	}
	return &external_metrics.ExternalMetricValueList{Items: []external_metrics.ExternalMetricValue{{
		MetricName: info.Metric, Timestamp: metav1.Now(), Value: *resource.NewQuantity(value, resource.DecimalSI),
	}}}, nil
}

// ListAllExternalMetrics names the metrics that any namespace has.
func (e *External) ListAllExternalMetrics() []provider.ExternalMetricInfo {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []provider.ExternalMetricInfo
	for key := range e.values {
		all = append(all, provider.ExternalMetricInfo{Metric: key.Name})
	}
	return all
}
