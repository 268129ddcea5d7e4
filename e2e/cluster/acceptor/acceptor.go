// Package acceptor stands in for a gateway where no requests flow: it tells
// every GatewayClass, Gateway and HTTPRoute of its own that it is in effect, as
// soon as it appears or changes.
package acceptor

import (
	"context"
	"fmt"
	"log/slog"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	gateway "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/pkg/client/clientset/versioned"
	informers "sigs.k8s.io/gateway-api/pkg/client/informers/externalversions"
	listers "sigs.k8s.io/gateway-api/pkg/client/listers/apis/v1"
)

// ControllerName is what a GatewayClass names to have the acceptor.
const ControllerName gateway.GatewayController = "crossfade.io/acceptor"

// key is an object that may need a new status.
type key struct{ kind, namespace, name string }

type acceptor struct {
	client   versioned.Interface
	classes  listers.GatewayClassLister
	gateways listers.GatewayLister
	routes   listers.HTTPRouteLister
	queue    workqueue.TypedRateLimitingInterface[key]
	address  string
}

// Run accepts until ctx is done. Gateways get address as their own.
func Run(ctx context.Context, config *rest.Config, address string) error {
	client, err := versioned.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("create client: %w", err)
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	api := factory.Gateway().V1()
	a := &acceptor{
		client:   client,
		classes:  api.GatewayClasses().Lister(),
		gateways: api.Gateways().Lister(),
		routes:   api.HTTPRoutes().Lister(),
		queue:    workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[key]()),
		address:  address,
	}
	for kind, informer := range map[string]cache.SharedIndexInformer{
		"GatewayClass": api.GatewayClasses().Informer(),
		"Gateway":      api.Gateways().Informer(),
		"HTTPRoute":    api.HTTPRoutes().Informer(),
	} {
		if _, err := informer.AddEventHandler(a.enqueue(kind)); err != nil {
			return fmt.Errorf("watch %s: %w", kind, err)
		}
	}
	factory.Start(ctx.Done())
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return fmt.Errorf("list %s: %w", kind, ctx.Err())
		}
	}
	go func() { <-ctx.Done(); a.queue.ShutDown() }()
	a.work(ctx)
	return nil
}

func (a *acceptor) enqueue(kind string) cache.ResourceEventHandlerFuncs {
	add := func(obj any) {
		if object, err := meta.Accessor(obj); err == nil {
			a.queue.Add(key{kind: kind, namespace: object.GetNamespace(), name: object.GetName()})
		}
		if kind != "HTTPRoute" {
			a.enqueueDependents(kind)
		}
	}
	return cache.ResourceEventHandlerFuncs{AddFunc: add, UpdateFunc: func(_, obj any) { add(obj) }}
}

// enqueueDependents looks again at what may have been skipped while the class
// or the Gateway was not known yet.
func (a *acceptor) enqueueDependents(kind string) {
	if kind == "GatewayClass" {
		gateways, _ := a.gateways.List(everything)
		for _, gw := range gateways {
			a.queue.Add(key{kind: "Gateway", namespace: gw.Namespace, name: gw.Name})
		}
	}
	routes, _ := a.routes.List(everything)
	for _, route := range routes {
		a.queue.Add(key{kind: "HTTPRoute", namespace: route.Namespace, name: route.Name})
	}
}

func (a *acceptor) work(ctx context.Context) {
	for {
		item, stop := a.queue.Get()
		if stop {
			return
		}
		err := a.accept(ctx, item)
		switch {
		case err == nil || apierrors.IsNotFound(err):
			a.queue.Forget(item)
		case apierrors.IsConflict(err):
			// The watch is about to deliver what the write collided with.
			a.queue.AddRateLimited(item)
		default:
			slog.Error("Object was not accepted", "kind", item.kind, "namespace", item.namespace, "name", item.name, "error", err)
			a.queue.AddRateLimited(item)
		}
		a.queue.Done(item)
	}
}

func (a *acceptor) accept(ctx context.Context, item key) error {
	switch item.kind {
	case "GatewayClass":
		return a.acceptClass(ctx, item.name)
	case "Gateway":
		return a.acceptGateway(ctx, item.namespace, item.name)
	default:
		return a.acceptRoute(ctx, item.namespace, item.name)
	}
}

func (a *acceptor) acceptClass(ctx context.Context, name string) error {
	class, err := a.classes.Get(name)
	if err != nil || class.Spec.ControllerName != ControllerName {
		return err
	}
	accepted := class.DeepCopy()
	markTrue(&accepted.Status.Conditions, class.Generation, string(gateway.GatewayClassConditionStatusAccepted))
	if equality.Semantic.DeepEqual(class.Status, accepted.Status) {
		return nil
	}
	_, err = a.client.GatewayV1().GatewayClasses().UpdateStatus(ctx, accepted, metav1.UpdateOptions{})
	return err
}

func (a *acceptor) acceptGateway(ctx context.Context, namespace, name string) error {
	gw, err := a.gateways.Gateways(namespace).Get(name)
	if err != nil || !a.owns(gw) {
		return err
	}
	accepted := gw.DeepCopy()
	accepted.Status = a.gatewayStatus(gw)
	if equality.Semantic.DeepEqual(gw.Status, accepted.Status) {
		return nil
	}
	_, err = a.client.GatewayV1().Gateways(namespace).UpdateStatus(ctx, accepted, metav1.UpdateOptions{})
	return err
}

func (a *acceptor) acceptRoute(ctx context.Context, namespace, name string) error {
	route, err := a.routes.HTTPRoutes(namespace).Get(name)
	if err != nil {
		return err
	}
	accepted := route.DeepCopy()
	accepted.Status.Parents = a.parentStatuses(route)
	if equality.Semantic.DeepEqual(route.Status, accepted.Status) {
		return nil
	}
	_, err = a.client.GatewayV1().HTTPRoutes(namespace).UpdateStatus(ctx, accepted, metav1.UpdateOptions{})
	return err
}

// owns reports whether a Gateway is of a class of the acceptor's.
func (a *acceptor) owns(gw *gateway.Gateway) bool {
	class, err := a.classes.Get(string(gw.Spec.GatewayClassName))
	return err == nil && class.Spec.ControllerName == ControllerName
}
