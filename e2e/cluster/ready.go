package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	gateway "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/pkg/client/clientset/versioned"
)

// pollInterval is how often a condition is looked at again.
const pollInterval = 50 * time.Millisecond

// until calls check until it returns no error. It gives up, with what check
// said last, when ctx is done or as soon as a component has died.
func (b *boot) until(ctx context.Context, check func(context.Context) error) error {
	for {
		last := check(ctx)
		if last == nil {
			return nil
		}
		if problem := b.sup.Problem(); problem != "" {
			return errors.New(problem)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; last seen: %w", ctx.Err(), last)
		case <-time.After(pollInterval):
		}
	}
}

// answers asks for a page that says that a component is ready.
func answers(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return nil
}

func (b *boot) awaitNode(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(b.client)
	if err != nil {
		return fmt.Errorf("create client: %w", err)
	}
	for _, n := range b.spec.nodes() {
		if err := b.until(ctx, func(ctx context.Context) error {
			found, err := client.CoreV1().Nodes().Get(ctx, n.Name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			for _, condition := range found.Status.Conditions {
				if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue && len(found.Spec.Taints) == 0 {
					return nil
				}
			}
			return fmt.Errorf("node %s: conditions %v, taints %v", n.Name, found.Status.Conditions, found.Spec.Taints)
		}); err != nil {
			return err
		}
	}
	return nil
}

func (b *boot) awaitGateway(ctx context.Context) error {
	client, err := versioned.NewForConfig(b.client)
	if err != nil {
		return fmt.Errorf("create client: %w", err)
	}
	return b.until(ctx, func(ctx context.Context) error {
		found, err := client.GatewayV1().Gateways("crossfade-gateway").Get(ctx, "gateway", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if meta.IsStatusConditionTrue(found.Status.Conditions, string(gateway.GatewayConditionProgrammed)) {
			return nil
		}
		return fmt.Errorf("gateway: conditions %v", found.Status.Conditions)
	})
}

// awaitServiceAccount waits for what every pod needs and the controller manager
// makes some moments after its start.
func (b *boot) awaitServiceAccount(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(b.client)
	if err != nil {
		return fmt.Errorf("create client: %w", err)
	}
	return b.until(ctx, func(ctx context.Context) error {
		_, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		if err != nil {
			return err
		}
		_, err = client.CoreV1().ConfigMaps("default").Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
		return err
	})
}

// unversioned is a configuration for paths outside the API groups.
func unversioned(config *rest.Config) *rest.Config {
	plain := rest.CopyConfig(config)
	plain.NegotiatedSerializer = serializer.WithoutConversionCodecFactory{CodecFactory: scheme.Codecs}
	return plain
}
