package rules

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOwnersAreTold: what is written for an owner tells who it is, and of two owners is never the same. That of the route's
// own namespace is written as ever: a release may be under way while Crossfade is upgraded.
func TestOwnersAreTold(t *testing.T) {
	owners := map[string]struct{ annotation, rule string }{
		"checkout":           {"split.crossfade.io/checkout", "cf-checkout-3"},
		"checkout-2":         {"split.crossfade.io/checkout-2", "cf-checkout-2-3"},
		"shop.checkout":      {"split.crossfade.io/shop.checkout", "cf-shop.checkout-3"},
		"shop/checkout":      {"shop.split.crossfade.io/checkout", "cf.shop.checkout-3"},
		"shop/a.checkout":    {"shop.split.crossfade.io/a.checkout", "cf.shop.a.checkout-3"},
		"shop-a/checkout":    {"shop-a.split.crossfade.io/checkout", "cf.shop-a.checkout-3"},
		"split/crossfade.io": {"split.split.crossfade.io/crossfade.io", "cf.split.crossfade.io-3"},
	}
	for owner, written := range owners {
		require.Equal(t, written.annotation, annotationOf(owner))
		require.Equal(t, owner, annotated(written.annotation))
		require.Equal(t, written.rule, nameOfCopy(owner, 3))
		require.Equal(t, owner, ownerBy(written.rule))
	}
	for _, key := range []string{"crossfade.io/base", "xsplit.crossfade.io/checkout", "split.crossfade.ioo/checkout", "note"} {
		require.Empty(t, annotated(key), key)
	}
	for _, name := range []string{"cf-checkout", "cf.shop.checkout", "cfx-checkout-1", "api"} {
		require.Empty(t, ownerBy(name), name)
	}
}
