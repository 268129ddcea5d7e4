package rules

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
)

func TestCookiePattern(t *testing.T) {
	cases := map[string]struct {
		cookie  v1alpha1.ValueMatch
		pattern string
		yes, no []string
	}{
		"an exact value": {
			v1alpha1.ValueMatch{Name: "g", Exact: ptr.To("a")},
			`^(.*;[ ]?)?g=a(;.*)?$`,
			[]string{"g=a", "x=y; g=a", "g=a; x=y", "x=y;g=a;z=1"},
			[]string{"g=ab", "xg=a", "x=g=a", "g=", ""},
		},
		"signs that mean something to expressions": {
			v1alpha1.ValueMatch{Name: "g.h", Exact: ptr.To("a+b|(c)")},
			`^(.*;[ ]?)?g\.h=a\+b\|\(c\)(;.*)?$`,
			[]string{"g.h=a+b|(c)"},
			[]string{"gxh=a+b|(c)", "g.h=aab"},
		},
		"an expression": {
			v1alpha1.ValueMatch{Name: "g", Regex: ptr.To("in|out")},
			`^(.*;[ ]?)?g=(in|out)(;.*)?$`,
			[]string{"g=in", "a=b; g=out"},
			[]string{"g=inn", "g=i"},
		},
		"an expression that would reach into the next cookie": {
			v1alpha1.ValueMatch{Name: "g", Regex: ptr.To("a.*z")},
			`^(.*;[ ]?)?g=(a[^;]*z)(;.*)?$`,
			[]string{"g=az", "g=a-z; h=1"},
			[]string{"g=a; h=z"},
		},
		"an expression with anchors": {
			v1alpha1.ValueMatch{Name: "g", Regex: ptr.To("^vip-[0-9]+$")},
			`^(.*;[ ]?)?g=((?:)vip-[0-9]+(?:))(;.*)?$`,
			[]string{"g=vip-7", "a=b; g=vip-12; c=d"},
			[]string{"g=vip-", "g=xvip-7"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := cookiePattern(c.cookie)
			require.NoError(t, err)
			require.Equal(t, c.pattern, got)
			for _, read := range []string{got, "^(?:" + got + ")$"} {
				re := regexp.MustCompile(read)
				for _, header := range c.yes {
					require.True(t, re.MatchString(header), header)
				}
				for _, header := range c.no {
					require.False(t, re.MatchString(header), header)
				}
			}
		})
	}
	for name, expr := range map[string]string{"a semicolon": "a;b", "a class of one semicolon": "[;]", "an anchor inside": "a$b", "no expression": "("} {
		t.Run("refuses "+name, func(t *testing.T) {
			_, err := cookiePattern(v1alpha1.ValueMatch{Name: "g", Regex: &expr})
			require.Error(t, err)
		})
	}
}
