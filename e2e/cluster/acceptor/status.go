package acceptor

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	gateway "sigs.k8s.io/gateway-api/apis/v1"
)

var everything = labels.Everything()

// gatewayStatus says that a Gateway and each of its listeners are in effect.
func (a *acceptor) gatewayStatus(gw *gateway.Gateway) gateway.GatewayStatus {
	status := *gw.Status.DeepCopy()
	markTrue(&status.Conditions, gw.Generation,
		string(gateway.GatewayConditionAccepted), string(gateway.GatewayConditionProgrammed))
	kind := gateway.IPAddressType
	status.Addresses = []gateway.GatewayStatusAddress{{Type: &kind, Value: a.address}}
	listeners := make([]gateway.ListenerStatus, 0, len(gw.Spec.Listeners))
	for _, listener := range gw.Spec.Listeners {
		group := gateway.Group(gateway.GroupName)
		own := gateway.ListenerStatus{
			Name:           listener.Name,
			SupportedKinds: []gateway.RouteGroupKind{{Group: &group, Kind: "HTTPRoute"}},
		}
		at := slices.IndexFunc(status.Listeners, func(old gateway.ListenerStatus) bool { return old.Name == listener.Name })
		if at >= 0 {
			own.Conditions = status.Listeners[at].Conditions
		}
		markTrue(&own.Conditions, gw.Generation,
			string(gateway.ListenerConditionAccepted),
			string(gateway.ListenerConditionResolvedRefs),
			string(gateway.ListenerConditionProgrammed))
		listeners = append(listeners, own)
	}
	status.Listeners = listeners
	return status
}

// parentStatuses is a route's status: an accepted entry for each parent that is
// a Gateway of the acceptor's, and other controllers' entries as they were.
func (a *acceptor) parentStatuses(route *gateway.HTTPRoute) []gateway.RouteParentStatus {
	kept := []gateway.RouteParentStatus{}
	for _, parent := range route.Status.Parents {
		if parent.ControllerName != ControllerName {
			kept = append(kept, *parent.DeepCopy())
		}
	}
	for _, ref := range route.Spec.ParentRefs {
		if !a.isParent(route, ref) {
			continue
		}
		own := gateway.RouteParentStatus{ParentRef: ref, ControllerName: ControllerName}
		at := slices.IndexFunc(route.Status.Parents, func(old gateway.RouteParentStatus) bool {
			return old.ControllerName == ControllerName && equality.Semantic.DeepEqual(old.ParentRef, ref)
		})
		if at >= 0 {
			own.Conditions = route.DeepCopy().Status.Parents[at].Conditions
		}
		markTrue(&own.Conditions, route.Generation,
			string(gateway.RouteConditionAccepted), string(gateway.RouteConditionResolvedRefs))
		kept = append(kept, own)
	}
	return kept
}

func (a *acceptor) isParent(route *gateway.HTTPRoute, ref gateway.ParentReference) bool {
	if ref.Kind != nil && *ref.Kind != "Gateway" {
		return false
	}
	namespace := route.Namespace
	if ref.Namespace != nil {
		namespace = string(*ref.Namespace)
	}
	gw, err := a.gateways.Gateways(namespace).Get(string(ref.Name))
	return err == nil && a.owns(gw)
}

// markTrue sets conditions to True for a generation; their transition times
// move only when they were not True before. The reason repeats the type, which
// is what the Gateway API names its reasons for success.
func markTrue(conditions *[]metav1.Condition, generation int64, types ...string) {
	for _, kind := range types {
		meta.SetStatusCondition(conditions, metav1.Condition{
			Type:               kind,
			Status:             metav1.ConditionTrue,
			Reason:             kind,
			ObservedGeneration: generation,
		})
	}
}
