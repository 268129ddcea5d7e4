package trafficrouting_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
)

var (
	stable = trafficrouting.Backend{Service: "checkout"}
	canary = trafficrouting.Backend{Service: "checkout-canary"}
)

func forStep(step v1alpha1.Step) trafficrouting.Split {
	return trafficrouting.ForStep("checkout", v1alpha1.Strategy{}, step, "shop-3")
}

func weight(percent int32) *intstr.IntOrString { return ptr.To(intstr.FromInt32(percent)) }

func TestForStep(t *testing.T) {
	match := []v1alpha1.Match{{Method: ptr.To("GET")}}
	all := func(to trafficrouting.Backend) []trafficrouting.Share {
		return []trafficrouting.Share{{Backend: to, PPM: trafficrouting.Whole}}
	}
	t.Run("states the whole split", func(t *testing.T) {
		s := forStep(v1alpha1.Step{Weight: weight(10), Match: match})
		require.Equal(t, trafficrouting.Between("checkout", 100_000).Shares, s.Shares)
		require.Equal(t, []trafficrouting.MatchRule{{AnyOf: match, To: all(canary)}}, s.Rules)
	})
	t.Run("a step without weight leaves the rest with stable", func(t *testing.T) {
		require.Equal(t, trafficrouting.AllStable("checkout").Shares, forStep(v1alpha1.Step{Match: match}).Shares)
	})
	t.Run("a weight that cannot be read sends nothing to the canary", func(t *testing.T) {
		require.Equal(t, trafficrouting.AllStable("checkout"), forStep(v1alpha1.Step{Weight: ptr.To(intstr.FromString("much"))}))
	})
	t.Run("shares sum to the whole", func(t *testing.T) {
		for _, ppm := range []int32{-5, 0, 1, 333_333, 1_000_000, 2_000_000} {
			shares := trafficrouting.Between("checkout", ppm).Shares
			require.Equal(t, trafficrouting.Whole, shares[0].PPM+shares[1].PPM)
			require.GreaterOrEqual(t, shares[0].PPM, int32(0))
		}
	})
	t.Run("headers are changed of whatever the canary gets", func(t *testing.T) {
		lane := &v1alpha1.HeaderModifier{Set: []v1alpha1.Header{{Name: "x-lane", Value: "next"}}}
		next := &trafficrouting.Headers{Request: lane}
		require.Equal(t, []trafficrouting.MatchRule{
			{AnyOf: match, To: []trafficrouting.Share{{Backend: canary, PPM: trafficrouting.Whole, Headers: next}}},
			{To: []trafficrouting.Share{{Backend: stable, PPM: 900_000}, {Backend: canary, PPM: 100_000, Headers: next}}},
		}, forStep(v1alpha1.Step{Weight: weight(10), Match: match, RequestHeaders: lane}).Rules)
		require.Equal(t, []trafficrouting.MatchRule{
			{To: []trafficrouting.Share{{Backend: canary, PPM: trafficrouting.Whole, Headers: next}}},
		}, forStep(v1alpha1.Step{Weight: weight(100), RequestHeaders: lane}).Rules)
	})
	t.Run("copies are of what stable answers, and change nothing unless asked", func(t *testing.T) {
		require.Equal(t, []trafficrouting.MatchRule{{
			AnyOf: []v1alpha1.Match{{Method: ptr.To("GET")}, {Method: ptr.To("HEAD")}}, To: all(stable),
			Mirror: &trafficrouting.Mirror{To: canary, PPM: 200_000},
		}}, forStep(v1alpha1.Step{Mirror: &v1alpha1.Mirror{Percent: ptr.To(int32(20))}}).Rules)
		require.Equal(t, []trafficrouting.MatchRule{{To: all(stable), Mirror: &trafficrouting.Mirror{To: canary, PPM: trafficrouting.Whole}}},
			forStep(v1alpha1.Step{Mirror: &v1alpha1.Mirror{Requests: v1alpha1.MirrorAll}}).Rules)
	})
}

func TestStickiness(t *testing.T) {
	sticky := func(stable bool, percent int32, match ...v1alpha1.Match) trafficrouting.Split {
		strategy := v1alpha1.Strategy{Stickiness: &v1alpha1.Stickiness{
			Cookie: "lane", Stable: stable, For: &v1alpha1.Duration{Duration: metav1.Duration{Duration: time.Hour}},
		}}
		return trafficrouting.ForStep("checkout", strategy, v1alpha1.Step{Name: "half", Weight: weight(percent), Match: match}, "shop-3")
	}
	with := func(value string) []v1alpha1.Match {
		return []v1alpha1.Match{{Cookies: []v1alpha1.ValueMatch{{Name: "lane", Exact: ptr.To(value)}}}}
	}
	set := func(value string) *trafficrouting.Headers {
		return &trafficrouting.Headers{SetCookie: "lane=" + value + "; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax"}
	}
	whole := trafficrouting.Share{Backend: canary, PPM: trafficrouting.Whole}
	t.Run("who got the canary stays there", func(t *testing.T) {
		require.Equal(t, []trafficrouting.MatchRule{
			{AnyOf: with("shop-3.canary"), To: []trafficrouting.Share{whole}},
			{To: []trafficrouting.Share{{Backend: stable, PPM: 500_000}, {Backend: canary, PPM: 500_000, Headers: set("shop-3.canary")}}},
		}, sticky(false, 50).Rules)
	})
	t.Run("who got stable stays there for the step, unless a match has it otherwise", func(t *testing.T) {
		match := v1alpha1.Match{Method: ptr.To("GET")}
		require.Equal(t, []trafficrouting.MatchRule{
			{AnyOf: append([]v1alpha1.Match{match}, with("shop-3.canary")...), To: []trafficrouting.Share{whole}},
			{AnyOf: with("shop-3.stable.half"), To: []trafficrouting.Share{{Backend: stable, PPM: trafficrouting.Whole}}},
			{To: []trafficrouting.Share{
				{Backend: stable, PPM: 500_000, Headers: set("shop-3.stable.half")}, {Backend: canary, PPM: 500_000, Headers: set("shop-3.canary")},
			}},
		}, sticky(true, 50, match).Rules)
	})
	t.Run("where all go to one version nobody needs a cookie", func(t *testing.T) {
		require.Empty(t, sticky(true, 0).Rules)
		require.Empty(t, sticky(true, 100).Rules)
	})
}

func TestValidateHeaders(t *testing.T) {
	owner := trafficrouting.Owner{Namespace: "shop", Name: "checkout"}
	changing := func(m v1alpha1.HeaderModifier) trafficrouting.Split {
		return forStep(v1alpha1.Step{Weight: weight(10), RequestHeaders: &m})
	}
	x := v1alpha1.Header{Name: "X-Lane", Value: "next"}
	for name, c := range map[string]struct {
		split trafficrouting.Split
		want  string
	}{
		"a header by two names":               {changing(v1alpha1.HeaderModifier{Set: []v1alpha1.Header{x}, Remove: []string{"x-lane"}}), "name the header X-Lane twice"},
		"the host":                            {changing(v1alpha1.HeaderModifier{Set: []v1alpha1.Header{{Name: "host", Value: "a"}}}), "the header Host, by which gateways route; leave it out"},
		"headers without a rule":              {trafficrouting.Split{Base: stable, Shares: []trafficrouting.Share{{Backend: stable, PPM: trafficrouting.Whole, Headers: &trafficrouting.Headers{SetCookie: "a=b"}}}}, "change headers, which a rule must do"},
		"a mirror to itself":                  {trafficrouting.Split{Base: stable, Shares: trafficrouting.AllStable("checkout").Shares, Rules: []trafficrouting.MatchRule{{To: trafficrouting.AllStable("checkout").Shares, Mirror: &trafficrouting.Mirror{To: stable, PPM: 1}}}}, "is mirrored to itself"},
		"a mirror of what the canary answers": {trafficrouting.Split{Base: stable, Shares: trafficrouting.AllStable("checkout").Shares, Rules: []trafficrouting.MatchRule{{To: trafficrouting.AllCanary("checkout").Shares, Mirror: &trafficrouting.Mirror{To: canary, PPM: 1}}}}, "where another one answers too"},
		"a mirror of no requests":             {trafficrouting.Split{Base: stable, Shares: trafficrouting.AllStable("checkout").Shares, Rules: []trafficrouting.MatchRule{{To: trafficrouting.AllStable("checkout").Shares, Mirror: &trafficrouting.Mirror{To: canary}}}}, "by no share"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, trafficrouting.Validate("shop", owner, []trafficrouting.Split{c.split}), c.want)
		})
	}
	require.NoError(t, trafficrouting.Validate("shop", owner, []trafficrouting.Split{changing(v1alpha1.HeaderModifier{Set: []v1alpha1.Header{x}})}))
}
