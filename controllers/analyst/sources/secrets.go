package sources

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/egress"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// entries are what a source is made of, beside its spec: the Secrets that it names, and whom it may ask.
type entries struct {
	name, namespace string
	secrets         map[string]*corev1.Secret
	guard           egress.Guard
}

// state changes whenever the entries do.
func (e entries) state() string {
	var versions []string
	for name, secret := range e.secrets {
		versions = append(versions, fmt.Sprintf("%s %s %s", name, secret.UID, secret.ResourceVersion))
	}
	slices.Sort(versions)
	return fmt.Sprint(versions, e.guard)
}

// entry is a value of a Secret, without the line break at its end that editors leave.
func (e entries) entry(secret, key string) (string, error) {
	value := strings.TrimRight(string(e.secrets[secret].Data[key]), "\r\n")
	if value == "" {
		return "", fmt.Errorf("%s: Secret %s of namespace %s has no entry %s, or an empty one; add it", e.name, secret, e.namespace, key)
	}
	return value, nil
}

// optional is an entry that need not be there.
func (e entries) optional(secret, key string) string {
	value, err := e.entry(secret, key)
	if err != nil {
		return ""
	}
	return value
}

// of is the value that a field names; "" if it names none.
func (e entries) of(key *v1alpha1.SecretKey) (string, error) {
	if key == nil {
		return "", nil
	}
	return e.entry(key.Name, key.Key)
}

// named are the Secrets that a source names.
func named(spec *v1alpha1.MetricSource) []string {
	var names []string
	keys := func(keys ...*v1alpha1.SecretKey) {
		for _, key := range keys {
			if key != nil {
				names = append(names, key.Name)
			}
		}
	}
	http := func(source *v1alpha1.HTTPSource) {
		keys(source.Bearer)
		if source.Basic != nil {
			names = append(names, *source.Basic)
		}
		if source.OAuth2 != nil {
			names = append(names, source.OAuth2.Client)
		}
		for _, header := range source.Headers {
			keys(header.Secret)
		}
		if source.TLS != nil {
			keys(source.TLS.CA)
			if source.TLS.Certificate != nil {
				names = append(names, *source.TLS.Certificate)
			}
		}
	}
	switch {
	case spec.Prometheus != nil:
		http(&spec.Prometheus.HTTPSource)
	case spec.Web != nil:
		http(&spec.Web.HTTPSource)
	case spec.Datadog != nil:
		names = append(names, spec.Datadog.Keys)
	case spec.CloudWatch != nil:
		names = append(names, spec.CloudWatch.Keys)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// secrets reads those of the source.
func (r *rotating) secrets(ctx context.Context) (map[string]*corev1.Secret, error) {
	found := map[string]*corev1.Secret{}
	for _, name := range r.named {
		secret := &corev1.Secret{}
		err := r.sources.reader.Get(ctx, types.NamespacedName{Namespace: r.namespace, Name: name}, secret)
		subject := fmt.Sprintf("Secret %s of namespace %s ", name, r.namespace)
		switch {
		case apierrors.IsForbidden(err):
			return nil, r.fails(analysis.ErrRefused, subject+"may not be read", "have the operator add the namespace to analysis.secrets of the chart")
		case apierrors.IsNotFound(err):
			return nil, r.fails(analysis.ErrRefused, subject+"does not exist", "create it, or correct its name in the source")
		case err != nil: // what the client says may have more in it than is fit for all to read
			return nil, r.fails(analysis.ErrUnreachable, subject+"could not be read", "see whether the API server answers")
		}
		found[name] = secret
	}
	return found, nil
}

// lasting: an error that someone has to mend.
func lasting(err error) bool { return errors.Is(err, analysis.ErrRefused) }
