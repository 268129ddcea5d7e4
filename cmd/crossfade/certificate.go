package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// certificate lays the webhook's certificate, whenever its Secret changes, into the folder that the server watches.
type certificate struct {
	reader client.Reader
	key    types.NamespacedName
	folder string
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

// Reconcile writes both files. The server reads them when either has changed, and keeps what it has while they don't
// belong together.
func (c *certificate) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	var secret corev1.Secret
	if err := c.reader.Get(ctx, req.NamespacedName, &secret); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if req.NamespacedName != c.key || len(secret.Data[corev1.TLSCertKey]) == 0 {
		return reconcile.Result{}, nil // the leader has yet to make one
	}
	for _, name := range []string{corev1.TLSPrivateKeyKey, corev1.TLSCertKey} {
		path := filepath.Join(c.folder, name)
		if err := os.WriteFile(path+".new", secret.Data[name], 0o600); err != nil {
			return reconcile.Result{}, fmt.Errorf("write the webhook's certificate: %w", err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			return reconcile.Result{}, fmt.Errorf("write the webhook's certificate: %w", err)
		}
	}
	c.once.Do(func() { close(c.there) })
	return reconcile.Result{}, nil
}
