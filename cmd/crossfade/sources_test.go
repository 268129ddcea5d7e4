package main

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnalysisFlags(t *testing.T) {
	o, _, err := parse([]string{"--prometheus-address=http://prometheus:9090", "--analysis-allow=10.1.2.3/8, fd00::1/128", "--analysis-deny=172.16.0.0/12"})
	require.NoError(t, err)
	require.Equal(t, "http://prometheus:9090", o.analysis.prometheus)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::1/128")}, o.analysis.allow)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("172.16.0.0/12")}, o.analysis.deny)
	_, _, err = parse([]string{"--analysis-deny=10.0.0.1"})
	require.EqualError(t, err, `--analysis-deny: "10.0.0.1" is no CIDR; write it as 10.0.0.0/8, one address as 10.0.0.1/32`)
	_, _, err = parse([]string{"--analysis-allow=10.0.0.1"})
	require.EqualError(t, err, `--analysis-allow: "10.0.0.1" is no CIDR; write it as 10.0.0.0/8, one address as 10.0.0.1/32`)
}

// TestOwnAddresses: the controller's own address is denied, and not those of its network.
func TestOwnAddresses(t *testing.T) {
	at := func(text string, bits, of int) net.Addr {
		return &net.IPNet{IP: net.ParseIP(text), Mask: net.CIDRMask(bits, of)}
	}
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.42.0.7/32"), netip.MustParsePrefix("fd00::7/128")},
		own([]net.Addr{at("10.42.0.7", 24, 32), at("fd00::7", 64, 128), &net.UnixAddr{Name: "socket"}}))
}
