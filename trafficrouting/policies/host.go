package policies

import "strings"

// clusterSet is the domain of Services that several clusters export (KEP-1645): a canary Service is not exported.
const clusterSet = "clusterset.local"

// ServiceOf returns the Service that a host of an object in this namespace names, as trafficrouting.NameOn gives it, and
// whether it names one. It reads a host as Istio does: one without a dot is of the object's own namespace, any other is
// complete (ResolveShortnameToFQDN in pkg/config/host).
func ServiceOf(host, namespace string) (string, bool) {
	name, rest, dotted := strings.Cut(host, ".")
	if !dotted {
		return name, name != "" && name != "*"
	}
	in, domain, service := strings.Cut(rest, ".svc.")
	service = service && domain != clusterSet && name != "" && name != "*" && in != "" && !strings.Contains(in, ".")
	if service && in != namespace {
		name = in + "/" + name
	}
	return name, service
}

// OnHost returns a host for another Service, written in the same way.
func OnHost(host, service string) string {
	if _, rest, dotted := strings.Cut(host, "."); dotted {
		return service + "." + rest
	}
	return service
}
