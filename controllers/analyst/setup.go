package analyst

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// New returns an Analyst that works until the manager stops. The lag is that of the installation's Prometheus.
func New(mgr ctrl.Manager, sources Sources, lag time.Duration, registry prometheus.Registerer) (*Analyst, error) {
	ctx, cancel := context.WithCancel(context.Background())
	err := mgr.Add(manager.RunnableFunc(func(running context.Context) error {
		<-running.Done()
		cancel()
		return nil
	}))
	if err != nil {
		cancel()
		return nil, fmt.Errorf("set up the analyst: %w", err)
	}
	return &Analyst{Sources: sources, Clock: time.Now, Context: ctx, Lag: lag, Metrics: NewMetrics(registry)}, nil
}
