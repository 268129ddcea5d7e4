package trafficrouting

import (
	"fmt"
	"time"

	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// defaultSticky is how long a user is kept where the strategy does not say.
const defaultSticky = 24 * time.Hour

// ForStep returns the whole split of one Service that a step of a release asks for: its weight, its matches to the canary,
// what is done to headers, copies, and users who are kept. A weight that cannot be read counts as 0, so that nothing
// reaches the canary by mistake; PPM says what is wrong with it. release names the release; by it the cookies of one
// release are told from those of another.
func ForStep(service string, strategy v1alpha1.Strategy, step v1alpha1.Step, release string) Split {
	ppm, err := PPM(step.Weight)
	if err != nil {
		ppm = 0
	}
	split := Between(service, ppm)
	stable, canary := &split.Shares[0], &split.Shares[1]
	keeping := keeping{}
	if strategy.Stickiness != nil && ppm > 0 && ppm < Whole {
		keeping = keepingOf(*strategy.Stickiness, release, step.Name)
	}
	headers := headersOf(step.RequestHeaders, keeping.canary.header())
	if ppm > 0 {
		canary.Headers = headers
	}
	whole := func(to Backend, headers *Headers) []Share {
		return []Share{{Backend: to, PPM: Whole, Headers: headers}}
	}

	if chosen := append(append([]v1alpha1.Match(nil), step.Match...), keeping.canary.matches()...); len(chosen) > 0 {
		split.Rules = append(split.Rules, MatchRule{AnyOf: chosen, To: whole(canary.Backend, headers)})
	}
	if kept := keeping.stable.matches(); len(kept) > 0 {
		drawn := append([]Share(nil), split.Shares...)
		drawn[0].Headers = headersOf(nil, keeping.stable.header())
		split.Rules = append(split.Rules, MatchRule{AnyOf: kept, To: whole(stable.Backend, nil)}, MatchRule{To: drawn})
	}
	if ppm == 0 && step.Mirror != nil {
		split.Rules = append(split.Rules, MatchRule{
			AnyOf: mirrored(*step.Mirror), To: whole(stable.Backend, nil),
			Mirror: &Mirror{To: canary.Backend, PPM: ptr.Deref(step.Mirror.Percent, 100) * perPercent},
		})
	}
	return split
}

// ByWeight returns a step as far as it shares requests: nobody is chosen, copied or, without a strategy, kept. That is how a
// version goes back, and how one that was stable before comes back.
func ByWeight(step v1alpha1.Step) v1alpha1.Step {
	return v1alpha1.Step{Name: step.Name, Weight: step.Weight, RequestHeaders: step.RequestHeaders}
}

// mirrored are the requests that are copied.
func mirrored(m v1alpha1.Mirror) []v1alpha1.Match {
	if m.Requests == v1alpha1.MirrorAll {
		return nil
	}
	return []v1alpha1.Match{{Method: ptr.To("GET")}, {Method: ptr.To("HEAD")}}
}

// keeping are the cookies by which the users of a weight are kept.
type keeping struct{ canary, stable cookie }

// cookie is one that an answer sets; without a name it is none.
type cookie struct {
	name, value string
	lasts       time.Duration
}

// KeptFor is how long a user is kept.
func KeptFor(s v1alpha1.Stickiness) time.Duration {
	if s.For == nil {
		return defaultSticky
	}
	return s.For.Duration.Duration
}

// keepingOf returns a canary's cookie, which is the same in all steps, and that of stable where users are kept there too,
// which is the step's own: the next step draws them again.
func keepingOf(s v1alpha1.Stickiness, release, step string) keeping {
	lasts := KeptFor(s)
	out := keeping{canary: cookie{s.Cookie, release + ".canary", lasts}}
	if s.Stable {
		out.stable = cookie{s.Cookie, release + ".stable." + step, lasts}
	}
	return out
}

func (c cookie) matches() []v1alpha1.Match {
	if c.name == "" {
		return nil
	}
	return []v1alpha1.Match{{Cookies: []v1alpha1.ValueMatch{{Name: c.name, Exact: ptr.To(c.value)}}}}
}

// header is the value of Set-Cookie (RFC 6265 section 4.1). Scripts have no use for the cookie.
func (c cookie) header() string {
	if c.name == "" {
		return ""
	}
	return fmt.Sprintf("%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax", c.name, c.value, max(1, int64(c.lasts.Seconds())))
}
