package v1alpha1

import (
	"k8s.io/apimachinery/pkg/runtime"
)

// MetricSource is what is asked: one of its fields.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:MaxProperties=1
type MetricSource struct {
	// Prometheus, or what speaks its query API.
	// +optional
	Prometheus *PrometheusSource `json:"prometheus,omitempty"`
	// Web is whatever answers JSON. A query is a CEL expression over the answer, body.
	// +optional
	Web *WebSource `json:"web,omitempty"`
	// Datadog is asked by its API of metrics.
	// +optional
	Datadog *DatadogSource `json:"datadog,omitempty"`
	// CloudWatch is Amazon's.
	// +optional
	CloudWatch *CloudWatchSource `json:"cloudWatch,omitempty"`
	// Job runs a Job in the Rollout's namespace for each measurement.
	// +optional
	Job *JobSource `json:"job,omitempty"`
}

// SecretKey is an entry of a Secret.
type SecretKey struct {
	// Name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// Key of the entry.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key"`
}

// HTTPSource is asked over HTTP. Credentials are sent to the host of its address alone.
//
// +kubebuilder:validation:XValidation:rule="(has(self.bearer) ? 1 : 0) + (has(self.basic) ? 1 : 0) + (has(self.oauth2) ? 1 : 0) <= 1",message="must say at most one of bearer, basic and oauth2"
type HTTPSource struct {
	// Address is the URL under which it serves, of http or https.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Address string `json:"address"`
	// TLS says whom to trust. Empty means the certificates of the controller's image.
	// +optional
	TLS *SourceTLS `json:"tls,omitempty"`
	// Bearer is a token.
	// +optional
	Bearer *SecretKey `json:"bearer,omitempty"`
	// Basic names a Secret with the entries username and password.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Basic *string `json:"basic,omitempty"`
	// OAuth2 gets tokens by client credentials.
	// +optional
	OAuth2 *SourceOAuth2 `json:"oauth2,omitempty"`
	// Headers are sent with each request, such as X-Scope-OrgID.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	Headers []SourceHeader `json:"headers,omitempty"`
	// Timeout bounds one request. Empty means 10s.
	// +optional
	Timeout *Duration `json:"timeout,omitempty"`
}

// PrometheusSource speaks the query API of Prometheus.
type PrometheusSource struct {
	HTTPSource `json:",inline"`

	// Lag is how much later than in the Prometheus that scraped them its samples can be read, as in a store that gets copies. What it
	// has not got by then counts as missing. At most 10m. Empty means 0s.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('10m')",message="must be at most 10m"
	Lag *Duration `json:"lag,omitempty"`
}

// SourceTLS says whom to trust, and who asks.
type SourceTLS struct {
	// CA are certificates in PEM that are trusted instead of the system's.
	// +optional
	CA *SecretKey `json:"ca,omitempty"`
	// Certificate names a Secret of type kubernetes.io/tls with the client's certificate.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Certificate *string `json:"certificate,omitempty"`
	// ServerName is the name that its certificate must have. Empty means the host of the address.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ServerName string `json:"serverName,omitempty"`
	// InsecureSkipVerify trusts any certificate. Empty means false.
	// +optional
	InsecureSkipVerify bool `json:"insecureSkipVerify,omitempty"`
}

// SourceOAuth2 are client credentials.
type SourceOAuth2 struct {
	// Client names a Secret with the entries clientID and clientSecret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Client string `json:"client"`
	// TokenURL is asked for tokens.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	TokenURL string `json:"tokenURL"`
	// Scopes that are asked for. Empty means none.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +listType=set
	Scopes []string `json:"scopes,omitempty"`
	// Params are further parameters, such as audience. Empty means none.
	// +optional
	Params map[string]string `json:"params,omitempty"`
}

// SourceHeader is a header that is sent.
//
// +kubebuilder:validation:XValidation:rule="has(self.value) != has(self.secret)",message="must say value or secret, not both"
type SourceHeader struct {
	// Name of the header.
	// +required
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9!#$%&'*+.^_|~-]+$`
	Name string `json:"name"`
	// Value of it.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Value *string `json:"value,omitempty"`
	// Secret has its value.
	// +optional
	Secret *SecretKey `json:"secret,omitempty"`
}

// WebSource answers JSON.
type WebSource struct {
	HTTPSource `json:",inline"`

	// Method is GET or POST. Empty means GET.
	// +optional
	// +kubebuilder:default=GET
	// +kubebuilder:validation:Enum=GET;POST
	Method string `json:"method,omitempty"`
	// Body is sent with POST, as JSON.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Body string `json:"body,omitempty"`
}

// DatadogSource is one organisation at Datadog.
type DatadogSource struct {
	// Address is that of its site. Empty means https://api.datadoghq.com.
	// +optional
	// +kubebuilder:default="https://api.datadoghq.com"
	// +kubebuilder:validation:MaxLength=1024
	Address string `json:"address,omitempty"`
	// Keys names a Secret with the entries apiKey and applicationKey.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Keys string `json:"keys"`
}

// CloudWatchSource is one account and region.
type CloudWatchSource struct {
	// Address is its endpoint. Empty means that of the region.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Address string `json:"address,omitempty"`
	// Region of the metrics, such as eu-central-1.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Region string `json:"region"`
	// Keys names a Secret with the entries accessKeyID and secretAccessKey, and sessionToken where they are of limited time.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Keys string `json:"keys"`
}

// JobSource runs Jobs.
type JobSource struct {
	// Spec is that of the Jobs, as in batch/v1. backoffLimit and activeDeadlineSeconds bound how long a measurement takes; without
	// the latter it is 10 minutes.
	// +required
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	Spec runtime.RawExtension `json:"spec"`
}
