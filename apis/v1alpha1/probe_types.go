package v1alpha1

// Probe is an HTTP request through a gateway, whose answer tells which version gave it. Wherever a split leaves no choice
// of the version, the Release waits until three requests in a row, each on a connection of its own, have reached that one.
// It sends what is named here and nothing else, by HTTP/1.1, follows no redirect and reads no body.
//
// +kubebuilder:validation:XValidation:rule="!has(self.headers) || self.headers.all(h, !(h.name.lowerAscii() in ['host', 'connection', 'content-length', 'transfer-encoding', 'upgrade', 'te', 'trailer']))",message="headers: host says Host, and what is about the connection is not for a probe to say; remove it"
type Probe struct {
	// Name of the probe, for people.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
	// URL of the gateway as the controller reaches it, by http or https, with path and query. Addresses of the controller's
	// own host, of its link and of cloud metadata are never asked.
	// +required
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.matches('^https?://[^/?#@ ]+([/?][^# ]*)?$')",message="url: must be http:// or https://, a host, and a path and query if any"
	URL string `json:"url"`
	// Host is the header Host, and the name that a gateway is asked for by TLS. Empty means the URL's.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9.:_-]+$`
	Host *string `json:"host,omitempty"`
	// Headers of the request, such as those of a step's match; cookies stand in one named Cookie. Empty means none.
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
	// InsecureSkipVerify takes any certificate of the gateway. Empty means one that the controller's image trusts.
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
	// Header is one that every answer has. Either it says the pod's name, which tells the version by itself, or it says the
	// same in all pods of a version, such as a version's number: what that is is then learned by sending the same request to
	// the Service and to the canary Service.
	// +required
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern="^[A-Za-z0-9!#$%&'*+.^_|~-]+$"
	// +kubebuilder:validation:XValidation:rule="!(self.lowerAscii() in ['set-cookie', 'location', 'www-authenticate'])",message="header: may hold secrets, and status would show it; name one that tells the version"
	Header string `json:"header"`
	// Port of the Service by which that is learned. Empty means its first.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port *int32 `json:"port,omitempty"`
}
