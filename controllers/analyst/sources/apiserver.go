package sources

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// +kubebuilder:rbac:groups="",resources=services,verbs=get
// +kubebuilder:rbac:groups=discovery.k8s.io,resources=endpointslices,verbs=list

// APIServer knows the addresses of the API server, by whatever way it may be reached.
type APIServer struct {
	// Host is how the controller reaches it, as in rest.Config.
	Host string
	// Reader reads from it.
	Reader client.Reader
	// Clock tells the time.
	Clock func() time.Time

	mu    sync.Mutex
	due   time.Time
	known []netip.Prefix
}

// Addresses are those that it has now, sorted. They are looked up once a minute at most; if that fails, those before stay.
func (a *APIServer) Addresses(ctx context.Context) ([]netip.Prefix, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.Clock()
	if now.Before(a.due) {
		return a.known, nil
	}
	found, err := a.look(ctx)
	if err != nil {
		if a.known == nil {
			return nil, err
		}
		a.due = now.Add(againAfter)
		return a.known, nil
	}
	a.due, a.known = now.Add(freshFor), found
	return found, nil
}

func (a *APIServer) look(ctx context.Context) ([]netip.Prefix, error) {
	texts, err := a.resolve(ctx)
	if err != nil {
		return nil, err
	}
	var service corev1.Service
	err = a.Reader.Get(ctx, types.NamespacedName{Namespace: corev1.NamespaceDefault, Name: "kubernetes"}, &service)
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("read Service default/kubernetes: %w", err)
	}
	texts = append(texts, service.Spec.ClusterIPs...)
	texts = append(texts, service.Spec.ClusterIP)
	var slicesOf discoveryv1.EndpointSliceList
	err = a.Reader.List(ctx, &slicesOf, client.InNamespace(corev1.NamespaceDefault), client.MatchingLabels{discoveryv1.LabelServiceName: "kubernetes"})
	if err != nil {
		return nil, fmt.Errorf("list the EndpointSlices of Service default/kubernetes: %w", err)
	}
	for _, slice := range slicesOf.Items {
		for _, endpoint := range slice.Endpoints {
			texts = append(texts, endpoint.Addresses...)
		}
	}
	out := []netip.Prefix{}
	for _, text := range texts {
		if address, err := netip.ParseAddr(text); err == nil {
			address = address.Unmap().WithZone("")
			out = append(out, netip.PrefixFrom(address, address.BitLen()))
		}
	}
	slices.SortFunc(out, func(x, y netip.Prefix) int { return x.Addr().Compare(y.Addr()) })
	return slices.Compact(out), nil
}

// resolve are the addresses of Host.
func (a *APIServer) resolve(ctx context.Context) ([]string, error) {
	host := a.Host
	if parsed, err := url.Parse(host); err == nil && parsed.Hostname() != "" {
		host = parsed.Hostname()
	} else if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	found, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("resolve the API server: %w", err)
	}
	return found, nil
}
