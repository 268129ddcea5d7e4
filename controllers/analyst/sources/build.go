package sources

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/cloudwatch"
	"crossfade.io/crossfade/analysis/datadog"
	"crossfade.io/crossfade/analysis/egress"
	"crossfade.io/crossfade/analysis/prometheus"
	"crossfade.io/crossfade/analysis/web"
	"crossfade.io/crossfade/apis/v1alpha1"
)

func (e entries) prometheus(spec *v1alpha1.PrometheusSource) (analysis.Source, error) {
	config, err := e.http(&spec.HTTPSource)
	if err != nil {
		return nil, err
	}
	return prometheus.New(e.name, config)
}

func (e entries) web(spec *v1alpha1.WebSource) (analysis.Source, error) {
	config, err := e.http(&spec.HTTPSource)
	if err != nil {
		return nil, err
	}
	return web.New(e.name, web.Config{Config: config, Method: spec.Method, Body: spec.Body})
}

func (e entries) datadog(spec *v1alpha1.DatadogSource) (analysis.Source, error) {
	key, err := e.entry(spec.Keys, "apiKey")
	if err != nil {
		return nil, err
	}
	application, err := e.entry(spec.Keys, "applicationKey")
	if err != nil {
		return nil, err
	}
	address := cmp.Or(spec.Address, "https://api.datadoghq.com")
	return datadog.New(e.name, datadog.Config{
		Config: egress.Config{Address: address, Guard: e.guard}, APIKey: key, ApplicationKey: application,
	})
}

func (e entries) cloudWatch(spec *v1alpha1.CloudWatchSource) (analysis.Source, error) {
	id, err := e.entry(spec.Keys, "accessKeyID")
	if err != nil {
		return nil, err
	}
	key, err := e.entry(spec.Keys, "secretAccessKey")
	if err != nil {
		return nil, err
	}
	return cloudwatch.New(e.name, cloudwatch.Config{
		Config: egress.Config{Address: spec.Address, Guard: e.guard}, Region: spec.Region,
		AccessKeyID: id, SecretAccessKey: key, SessionToken: e.optional(spec.Keys, "sessionToken"),
	})
}

// http is how a source is asked, with whatever it names.
func (e entries) http(spec *v1alpha1.HTTPSource) (egress.Config, error) {
	config := egress.Config{Address: spec.Address, Guard: e.guard}
	if spec.Timeout != nil {
		config.Timeout = spec.Timeout.Duration.Duration
	}
	var err error
	if config.TLS, err = e.tls(spec.TLS); err != nil {
		return config, err
	}
	config.Credentials, err = e.credentials(spec)
	return config, err
}

func (e entries) tls(spec *v1alpha1.SourceTLS) (egress.TLS, error) {
	if spec == nil {
		return egress.TLS{}, nil
	}
	ca, err := e.of(spec.CA)
	if err != nil {
		return egress.TLS{}, err
	}
	out := egress.TLS{CA: []byte(ca), ServerName: spec.ServerName, InsecureSkipVerify: spec.InsecureSkipVerify}
	if spec.Certificate == nil {
		return out, nil
	}
	certificate, err := e.entry(*spec.Certificate, corev1.TLSCertKey)
	if err != nil {
		return egress.TLS{}, err
	}
	key, err := e.entry(*spec.Certificate, corev1.TLSPrivateKeyKey)
	out.Certificate, out.Key = []byte(certificate), []byte(key)
	return out, err
}

func (e entries) credentials(spec *v1alpha1.HTTPSource) (out egress.Credentials, err error) {
	if out.Bearer, err = e.of(spec.Bearer); err != nil {
		return out, err
	}
	if spec.Basic != nil {
		if out.Username, err = e.entry(*spec.Basic, corev1.BasicAuthUsernameKey); err != nil {
			return out, err
		}
		if out.Password, err = e.entry(*spec.Basic, corev1.BasicAuthPasswordKey); err != nil {
			return out, err
		}
	}
	if spec.OAuth2 != nil {
		if out.OAuth2, err = e.oauth2(spec.OAuth2); err != nil {
			return out, err
		}
	}
	for _, header := range spec.Headers {
		value, err := e.of(header.Secret)
		if err != nil {
			return out, err
		}
		if header.Value != nil {
			value = *header.Value
		}
		if out.Headers == nil {
			out.Headers = map[string]string{}
		}
		out.Headers[header.Name] = value
	}
	return out, nil
}

func (e entries) oauth2(spec *v1alpha1.SourceOAuth2) (*egress.OAuth2, error) {
	id, err := e.entry(spec.Client, "clientID")
	if err != nil {
		return nil, err
	}
	secret, err := e.entry(spec.Client, "clientSecret")
	if err != nil {
		return nil, err
	}
	return &egress.OAuth2{ClientID: id, ClientSecret: secret, TokenURL: spec.TokenURL, Scopes: spec.Scopes, Params: spec.Params}, nil
}
