// Package v1alpha1 is Crossfade's contract with its users: the Rollout, which is policy, and the
// Release, which is one attempt to move traffic from the stable revision to a new one. It holds
// types, names and reasons, and no logic.
//
// +kubebuilder:object:generate=true
// +groupName=crossfade.io
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of every type in this package.
var GroupVersion = schema.GroupVersion{Group: "crossfade.io", Version: "v1alpha1"}

// AddToScheme registers the types of this package.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &Rollout{}, &RolloutList{}, &Release{}, &ReleaseList{}, &RouteKind{}, &RouteKindList{},
		&AnalysisTemplate{}, &AnalysisTemplateList{}, &ClusterAnalysisTemplate{}, &ClusterAnalysisTemplateList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
