package trafficrouting_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/gatewayapi"
)

func TestPPM(t *testing.T) {
	cases := map[string]struct {
		weight *intstr.IntOrString
		want   int32
		fails  bool
	}{
		"none is 0":                 {weight: nil, want: 0},
		"a number is whole percent": {weight: ptr.To(intstr.FromInt32(25)), want: 250_000},
		"0":                         {weight: ptr.To(intstr.FromInt32(0)), want: 0},
		"100":                       {weight: ptr.To(intstr.FromInt32(100)), want: 1_000_000},
		"half a percent":            {weight: ptr.To(intstr.FromString("0.5%")), want: 5_000},
		"the finest":                {weight: ptr.To(intstr.FromString("0.0001%")), want: 1},
		"whole percent as text":     {weight: ptr.To(intstr.FromString("25%")), want: 250_000},
		"100.0000%":                 {weight: ptr.To(intstr.FromString("100.0000%")), want: 1_000_000},
		"33.3333%":                  {weight: ptr.To(intstr.FromString("33.3333%")), want: 333_333},
		"negative":                  {weight: ptr.To(intstr.FromInt32(-1)), fails: true},
		"beyond 100":                {weight: ptr.To(intstr.FromInt32(101)), fails: true},
		"beyond 100%":               {weight: ptr.To(intstr.FromString("100.0001%")), fails: true},
		"no percent sign":           {weight: ptr.To(intstr.FromString("25")), fails: true},
		"too fine":                  {weight: ptr.To(intstr.FromString("0.00001%")), fails: true},
		"nothing before the point":  {weight: ptr.To(intstr.FromString(".5%")), fails: true},
		"nothing after the point":   {weight: ptr.To(intstr.FromString("5.%")), fails: true},
		"a sign":                    {weight: ptr.To(intstr.FromString("+5%")), fails: true},
		"an exponent":               {weight: ptr.To(intstr.FromString("1e1%")), fails: true},
		"nothing":                   {weight: ptr.To(intstr.FromString("")), fails: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := trafficrouting.PPM(c.weight)
			if c.fails {
				require.ErrorContains(t, err, "read weight")
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestPercent(t *testing.T) {
	for ppm, want := range map[int32]string{
		0: "0%", 1: "0.0001%", 5_000: "0.5%", 250_000: "25%", 333_333: "33.3333%", 1_000_000: "100%", 12_340: "1.234%",
	} {
		require.Equal(t, want, trafficrouting.Percent(ppm))
		text := intstr.FromString(want)
		back, err := trafficrouting.PPM(&text)
		require.NoError(t, err)
		require.Equal(t, ppm, back, "what is written can be read")
	}
}

func TestRegistry(t *testing.T) {
	r := trafficrouting.NewRegistry(map[schema.GroupKind]trafficrouting.Maker{
		{Group: gatewayapi.Group, Kind: "HTTPRoute"}: func(v1alpha1.RouteRef) trafficrouting.Provider { return gatewayapi.HTTPRoute() },
	})
	p, ok := r.For(v1alpha1.RouteRef{Group: "gateway.networking.k8s.io", Kind: "HTTPRoute"})
	require.True(t, ok)
	require.NotNil(t, p)
	_, ok = r.For(v1alpha1.RouteRef{Kind: "Ingress"})
	require.False(t, ok)
	require.Equal(t, []string{"HTTPRoute.gateway.networking.k8s.io"}, r.Supported())
	more := r.With(map[schema.GroupKind]trafficrouting.Provider{
		{Group: "a", Kind: "b"}: gatewayapi.TCPRoute(), {Group: gatewayapi.Group, Kind: "HTTPRoute"}: gatewayapi.TCPRoute(),
	})
	p, ok = more.For(v1alpha1.RouteRef{Group: "a", Kind: "b"})
	require.True(t, ok)
	require.False(t, p.Capabilities(trafficrouting.Objects{}).HeaderExact)
	p, _ = more.For(v1alpha1.RouteRef{Group: gatewayapi.Group, Kind: "HTTPRoute"})
	require.True(t, p.Capabilities(trafficrouting.Objects{}).HeaderExact, "what there is code for is not described")
	require.Len(t, r.Supported(), 1)
	_, ok = trafficrouting.Registry{}.For(v1alpha1.RouteRef{Group: "a", Kind: "b"})
	require.False(t, ok)
}
