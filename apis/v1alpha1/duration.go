package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Duration is a length of time as a string, such as "500ms", "30s" or "1h30m".
//
// +kubebuilder:validation:Type=string
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}([.][0-9]+)?h|[0-9]{1,7}([.][0-9]+)?m|[0-9]{1,9}([.][0-9]+)?m?s)+$')",message="must be a duration such as \"1h30m\", up to 99999h"
type Duration struct {
	// An object whose time Go can't hold can't be decoded, and would keep the controller from all of its kind: hence the bounds.
	metav1.Duration `json:",inline"`
}
