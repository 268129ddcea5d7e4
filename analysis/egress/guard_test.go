package egress

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestGuardOfTranslatedAddresses: where IPv4 is reached through NAT64, the API server is known by either address.
func TestGuardOfTranslatedAddresses(t *testing.T) {
	prefixes := func(texts ...string) (out []netip.Prefix) {
		for _, text := range texts {
			out = append(out, netip.MustParsePrefix(text))
		}
		return out
	}
	translated, plain := netip.MustParseAddr("64:ff9b::cb00:7101"), netip.MustParseAddr("203.0.113.1")
	require.True(t, Guard{}.Permits(translated))
	for _, deny := range []string{"64:ff9b::cb00:7101/128", "203.0.113.1/32", "64:ff9b::/96"} {
		require.False(t, Guard{Deny: prefixes(deny)}.Permits(translated), deny)
	}
	require.False(t, Guard{Deny: prefixes("203.0.113.1/32")}.Permits(plain))
	metadata := netip.MustParseAddr("64:ff9b::a9fe:a9fe")
	require.False(t, Guard{Allow: prefixes("64:ff9b::cb00:7101/128")}.Permits(metadata))
	require.True(t, Guard{Allow: prefixes("64:ff9b::a9fe:a9fe/128")}.Permits(metadata), "what the operator allows as it is written")
}
