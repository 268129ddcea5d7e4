package arguments

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// hosts refuses what would let the author of a Rollout, or who owns its namespace, choose the host to which the template's
// credentials are sent.
func hosts(source *v1alpha1.MetricSource) error {
	switch {
	case source == nil:
		return nil
	case source.Prometheus != nil:
		return hostsOf("source.prometheus", source.Prometheus.HTTPSource)
	case source.Web != nil:
		return hostsOf("source.web", source.Web.HTTPSource)
	case source.Datadog != nil:
		return fixed("source.datadog.address", source.Datadog.Address)
	case source.CloudWatch != nil:
		if err := fixed("source.cloudWatch.address", source.CloudWatch.Address); err != nil {
			return err
		}
		return fixed("source.cloudWatch.region", source.CloudWatch.Region) // which is part of the host
	}
	return nil
}

func hostsOf(field string, source v1alpha1.HTTPSource) error {
	secret := source.Bearer != nil || source.Basic != nil || source.OAuth2 != nil || source.TLS != nil && source.TLS.Certificate != nil
	for _, header := range source.Headers {
		secret = secret || header.Secret != nil
	}
	if !secret {
		return nil
	}
	if source.OAuth2 != nil {
		if err := fixed(field+".oauth2.tokenURL", source.OAuth2.TokenURL); err != nil {
			return err
		}
		for _, value := range append(slices.Collect(maps.Values(source.OAuth2.Params)), source.OAuth2.Scopes...) {
			if strings.Contains(value, "{{") {
				return fmt.Errorf("%s.oauth2 has an argument or a fact in its scopes or params, which say what the token is good for; write them out", field)
			}
		}
	}
	return fixed(field+".address", source.Address)
}

// fixed refuses an address of which anything up to its path is filled in.
func fixed(field, address string) error {
	scheme, rest, found := strings.Cut(address, "://")
	host := scheme
	if found {
		end := strings.IndexAny(rest, "/?#")
		if end < 0 {
			end = len(rest)
		}
		host += rest[:end]
	}
	if strings.Contains(host, "{{") {
		return fmt.Errorf("%s has an argument or a fact in its host, to which a Secret is sent; write the host out", field)
	}
	return nil
}
