package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/admission"
	admissionwebhook "crossfade.io/crossfade/controllers/admission/webhook"
	"crossfade.io/crossfade/controllers/routekind"
	"crossfade.io/crossfade/trafficrouting"
)

// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=mutatingwebhookconfigurations,verbs=get;list;watch
// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=mutatingwebhookconfigurations,resourceNames=crossfade-routes;crossfade-tables,verbs=update
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch,namespace=crossfade
// +kubebuilder:rbac:groups="",resources=secrets,resourceNames=crossfade-webhook,verbs=update,namespace=crossfade

// hookOptions are what flags set of the webhook.
type hookOptions struct {
	// port is 0 if there is no webhook.
	port int
	// secret, in namespace/name form, has the certificate.
	secret string
	// configurations are the names of the objects that say how the API server calls the webhook, separated by commas:
	// their authority and the certificate are made and renewed here. Empty leaves that to others.
	configurations string
	// host is the DNS name by which the API server calls; folder is where the Secret is mounted. Both are for renewing.
	host, folder string
	// tables has the webhook apply gate and guards, which no policy does then.
	tables bool
}

// addWebhook serves the webhook from every replica, leader or not, as soon as there is a certificate.
func addWebhook(mgr ctrl.Manager, o hookOptions, ignored []string, providers trafficrouting.Registry) error {
	if o.port == 0 {
		return nil
	}
	handlers, err := admissionwebhook.Handlers(admission.Options{Ignored: ignored}, providers, &routekind.InUse{Releases: mgr.GetClient()})
	if err != nil {
		return err
	}
	// Replicas that are not the leader have no controller that follows Releases, and a request must not wait for the first
	// reading of them.
	if _, err := mgr.GetCache().GetInformer(context.Background(), &v1alpha1.Release{}, cache.BlockUntilSynced(false)); err != nil {
		return fmt.Errorf("follow Releases: %w", err)
	}
	key, err := o.secretKey()
	if err != nil {
		return err
	}
	certified := &certificate{reader: mgr.GetClient(), key: key, there: make(chan struct{})}
	if err := certified.setup(mgr); err != nil {
		return err
	}
	if o.configurations != "" {
		if err := o.addRenewal(mgr, key); err != nil {
			return err
		}
	}
	server := webhook.NewServer(webhook.Options{Port: o.port, TLSOpts: []func(*tls.Config){
		func(c *tls.Config) { c.GetCertificate = certified.get },
	}})
	for path, handler := range handlers {
		server.Register(path, handler)
	}
	if err := mgr.Add(hook{server: server, certified: certified.there}); err != nil {
		return fmt.Errorf("add the webhook: %w", err)
	}
	return mgr.AddReadyzCheck("webhook", func(r *http.Request) error {
		if _, err := certified.get(nil); err != nil {
			return err
		}
		return server.StartedChecker()(r)
	})
}

// hook is the webhook's server, once there is a certificate.
type hook struct {
	server    webhook.Server
	certified <-chan struct{}
}

var _ manager.LeaderElectionRunnable = hook{}

// NeedLeaderElection is false: the API server calls any replica.
func (hook) NeedLeaderElection() bool { return false }

// Start blocks until the context ends.
func (h hook) Start(ctx context.Context) error {
	select {
	case <-h.certified:
		return h.server.Start(ctx)
	case <-ctx.Done():
		return nil
	}
}

// addRenewal has the leader make and renew the certificate.
func (o hookOptions) addRenewal(mgr ctrl.Manager, key types.NamespacedName) error {
	var configurations []rotator.WebhookInfo
	for _, name := range strings.Split(o.configurations, ",") {
		configurations = append(configurations, rotator.WebhookInfo{Name: name, Type: rotator.Mutating})
	}
	err := rotator.AddRotator(mgr, &rotator.CertRotator{
		SecretKey: key, CertDir: o.folder, CAName: "crossfade", CAOrganization: "crossfade", DNSName: o.host,
		IsReady: make(chan struct{}), Webhooks: configurations, FieldOwner: "crossfade-certificates", RequireLeaderElection: true,
	})
	if err != nil {
		return fmt.Errorf("add the renewal of the webhook's certificate: %w", err)
	}
	return nil
}

// secretKey tells namespace and name of the Secret.
func (o hookOptions) secretKey() (types.NamespacedName, error) {
	namespace, name, ok := strings.Cut(o.secret, "/")
	if !ok {
		return types.NamespacedName{}, fmt.Errorf("--webhook-secret %q is not understood; give it as namespace/name", o.secret)
	}
	return types.NamespacedName{Namespace: namespace, Name: name}, nil
}
