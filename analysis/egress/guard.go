// Package egress is how sources of metrics are asked over the network: by names and addresses that users give, so that
// neither may be used to reach what trusts the controller, nor to be told what others keep secret.
package egress

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// Guard says which addresses may be asked. It looks at the address that a connection goes to, not at names, so that neither
// redirects nor names that change their address get past it. The zero Guard denies the controller's own host and link,
// cloud metadata, and what is no address of one host.
type Guard struct {
	// Deny are further addresses that may not be asked, such as those of the API server.
	Deny []netip.Prefix
	// Allow are addresses that may be asked in spite of all that.
	Allow []netip.Prefix
}

// denied are addresses of a host to itself and of cloud providers' metadata that are neither of the loopback nor of the link:
// of Alibaba, Azure, Oracle, Amazon and Google.
var denied = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("255.255.255.255/32"),
	netip.MustParsePrefix("100.100.100.200/32"), netip.MustParsePrefix("168.63.129.16/32"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("fd00:ec2::/32"), netip.MustParsePrefix("fd20:ce::/64"),
	// Gateways make addresses of IPv4 of these, each in its own way, so they may be of any: local NAT64, 6to4, Teredo, and
	// IPv4-translated ones.
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/32"),
	netip.MustParsePrefix("::ffff:0:0:0/96"),
}

// Permits says whether the address may be asked. An IPv6 address that stands for one of IPv4 is looked at as both: what is
// denied or allowed of either is, and what is allowed counts more.
func (g Guard) Permits(address netip.Addr) bool {
	written := address.Unmap().WithZone("")
	address = plain(address)
	contains := func(prefix netip.Prefix) bool { return prefix.Contains(address) || prefix.Contains(written) }
	if slices.ContainsFunc(g.Allow, contains) {
		return true
	}
	return address.IsValid() && !address.IsLoopback() && !address.IsUnspecified() && !address.IsMulticast() &&
		!address.IsLinkLocalUnicast() && !slices.ContainsFunc(denied, contains) && !slices.ContainsFunc(g.Deny, contains)
}

// standing are the prefixes of IPv6 addresses whose last four bytes are an IPv4 address: of NAT64, and IPv4-compatible ones.
var standing = []netip.Prefix{netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("::/96")}

func plain(address netip.Addr) netip.Addr {
	address = address.Unmap().WithZone("")
	if address == netip.IPv6Loopback() || address == netip.IPv6Unspecified() {
		return address
	}
	for _, prefix := range standing {
		if prefix.Contains(address) {
			bytes := address.As16()
			return netip.AddrFrom4([4]byte(bytes[12:]))
		}
	}
	return address
}

// deniedError is an address that the guard doesn't permit.
type deniedError struct{}

func (deniedError) Error() string { return "address denied" }

// dialer connects to permitted addresses alone. It asks after names are resolved, for each address anew.
func (g Guard) dialer(resolver *net.Resolver) *net.Dialer {
	return &net.Dialer{
		Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, Resolver: resolver,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil || !g.Permits(at.Addr()) {
				return deniedError{}
			}
			return nil
		},
	}
}
