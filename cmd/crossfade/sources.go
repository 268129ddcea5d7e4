package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"crossfade.io/crossfade/controllers/analyst/sources"
)

// ownNamespace is where a pod finds the name of its namespace.
const ownNamespace = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// analysisOptions are what flags set of the analysis.
type analysisOptions struct {
	// prometheus is the address of the installation's.
	prometheus string
	// lag is how much later than in what scraped them its samples can be read.
	lag time.Duration
	// allow are addresses that templates may name although they are denied by default.
	allow []netip.Prefix
	// deny are addresses that templates may not name although they are not denied by default.
	deny []netip.Prefix
}

// prefixes reads a list of CIDRs, separated by commas.
func prefixes(flag, text string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, entry := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' }) {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(entry))
		if err != nil {
			return nil, fmt.Errorf("--%s: %q is no CIDR; write it as 10.0.0.0/8, one address as 10.0.0.1/32", flag, entry)
		}
		out = append(out, prefix.Masked())
	}
	return out, nil
}

// own are the addresses of this process's own interfaces, each by itself: its metrics and profiling pages are nobody's source.
func own(interfaces []net.Addr) []netip.Prefix {
	var out []netip.Prefix
	for _, at := range interfaces {
		prefix, err := netip.ParsePrefix(at.String())
		if err != nil {
			continue // what is no address of IP is not asked
		}
		address := prefix.Addr().Unmap().WithZone("")
		out = append(out, netip.PrefixFrom(address, address.BitLen()))
	}
	return out
}

// newSources opens what metrics are asked of. It fails where the installation's own Prometheus could never be asked.
func newSources(mgr ctrl.Manager, o options) (*sources.Sources, error) {
	namespace := o.leaderNamespace
	if namespace == "" {
		text, _ := os.ReadFile(ownNamespace) // out of a cluster there is none, which whoever needs it is told
		namespace = strings.TrimSpace(string(text))
	}
	server := &sources.APIServer{Host: mgr.GetConfig().Host, Reader: mgr.GetAPIReader(), Clock: time.Now}
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("find out the controller's own addresses: %w", err)
	}
	all := sources.New(sources.Options{
		Prometheus: o.analysis.prometheus, Namespace: namespace,
		Allow: o.analysis.allow, Deny: append(own(interfaces), o.analysis.deny...), Denied: server.Addresses, Clock: time.Now,
	}, mgr.GetAPIReader(), mgr.GetClient())
	if o.analysis.prometheus != "" {
		if err := all.Check(); err != nil {
			return nil, fmt.Errorf("--prometheus-address: %w", err)
		}
	}
	return all, nil
}
