package main

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnalysisFlags(t *testing.T) {
	o, _, err := parse([]string{"--prometheus-address=http://prometheus:9090", "--analysis-allow=10.1.2.3/8, fd00::1/128"})
	require.NoError(t, err)
	require.Equal(t, "http://prometheus:9090", o.analysis.prometheus)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::1/128")}, o.analysis.allow)
	_, _, err = parse([]string{"--analysis-allow=10.0.0.1"})
	require.EqualError(t, err, `--analysis-allow: "10.0.0.1" is no CIDR; write it as 10.0.0.0/8, one address as 10.0.0.1/32`)
}
