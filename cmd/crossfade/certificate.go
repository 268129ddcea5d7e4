package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// certificate is the webhook's, as its Secret has it. It is read from the API server: the kubelet would take a minute
// to show a mounted Secret that has changed, and a volume to write to would keep drains from evicting the pod.
type certificate struct {
	reader  client.Reader
	key     types.NamespacedName
	current atomic.Pointer[tls.Certificate]
	// there is closed with the first one.
	there chan struct{}
	once  sync.Once
}

func (c *certificate) setup(mgr ctrl.Manager) error {
	err := ctrl.NewControllerManagedBy(mgr).Named("certificate").For(&corev1.Secret{}).
		WithOptions(controller.Options{NeedLeaderElection: ptr.To(false)}).Complete(c)
	if err != nil {
		return fmt.Errorf("watch the webhook's certificate: %w", err)
	}
	return nil
}

// Reconcile takes what the Secret has now.
func (c *certificate) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	var secret corev1.Secret
	if err := c.reader.Get(ctx, req.NamespacedName, &secret); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if req.NamespacedName != c.key || len(secret.Data[corev1.TLSCertKey]) == 0 {
		return reconcile.Result{}, nil // there has yet to be one
	}
	pair, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("read the webhook's certificate from Secret %s: %w", c.key, err)
	}
	c.current.Store(&pair)
	c.once.Do(func() { close(c.there) })
	return reconcile.Result{}, nil
}

// get is what a TLS handshake asks for.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if pair := c.current.Load(); pair != nil {
		return pair, nil
	}
	return nil, errors.New("there is no certificate yet")
}
