package v1alpha1

// Probe is a request by HTTP/1.1 through a gateway, whose answer tells which version gave it. Wherever a split leaves no
// choice, the Release waits until it has reached the right one.
//
// +kubebuilder:validation:XValidation:rule="!has(self.headers) || self.headers.all(h, !(h.name.lowerAscii() in ['host', 'connection', 'content-length', 'transfer-encoding', 'upgrade', 'te']))",message="headers: Host is said by host, and those of the connection by nobody; remove it"
type Probe struct {
	// Name of the probe, for people.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
	// URL of the gateway as the controller reaches it, with path and query.
	// +required
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.matches('^https?://[^/?#@ ]+([/?][^# ]*)?$')",message="url: must be http:// or https://, a host, and a path and query if any"
	URL string `json:"url"`
	// Host is the header Host, and the name asked for by TLS. Empty means the URL's.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9.:_-]+$`
	Host *string `json:"host,omitempty"`
	// Headers of the request; cookies stand in one named Cookie. Empty means none.
	// +optional
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=name
	Headers []ProbeHeader `json:"headers,omitempty"`
	// Method is GET or HEAD. Empty means GET.
	// +optional
	// +kubebuilder:validation:Enum=GET;HEAD
	Method *string `json:"method,omitempty"`
	// IdentifiedBy says how an answer tells which version gave it.
	// +required
	IdentifiedBy ProbeIdentity `json:"identifiedBy"`
	// InsecureSkipVerify takes any certificate of the gateway. Empty means one that is trusted.
	// +optional
	InsecureSkipVerify bool `json:"insecureSkipVerify,omitempty"`
}

// ProbeHeader is a header of a request.
type ProbeHeader struct {
	// Name of the header.
	// +required
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern="^[A-Za-z0-9!#$%&'*+.^_|~-]+$"
	Name string `json:"name"`
	// Value of the header.
	// +required
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^[ -~]*$`
	Value string `json:"value"`
}

// ProbeIdentity is what of an answer tells the version.
type ProbeIdentity struct {
	// Header is one that every answer has. It says the pod's name, or what is the same in all pods of a version: then the
	// Service and the canary Service are sent the same request, to learn what each says.
	// +required
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern="^[A-Za-z0-9!#$%&'*+.^_|~-]+$"
	// +kubebuilder:validation:XValidation:rule="!(self.lowerAscii() in ['set-cookie', 'location', 'www-authenticate'])",message="header: may hold secrets, which status would show; name another"
	Header string `json:"header"`
	// Port of the Services for that. Empty means the first.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port *int32 `json:"port,omitempty"`
}
