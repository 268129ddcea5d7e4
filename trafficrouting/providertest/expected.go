package providertest

import (
	"math/big"
	"strings"

	"crossfade.io/crossfade/trafficrouting"
)

// Expected says where requests like r must go that the user's route sends to served: where they went
// before, but that each split Service has given its part to the shares of its split.
func Expected(served Shares, r Request, splits ...trafficrouting.Split) map[string]string {
	return Visible(expected(served, r, splits...))
}

func expected(served Shares, r Request, splits ...trafficrouting.Split) Shares {
	want := Shares{}
	for key, share := range served {
		service, how, _ := strings.Cut(key, "|")
		rule := trafficrouting.MatchRule{To: []trafficrouting.Share{{Backend: trafficrouting.Backend{Service: service}, PPM: trafficrouting.Whole}}}
		for _, s := range splits {
			if s.Base.Service == service {
				rule = ruleFor(s, r)
			}
		}
		if m := rule.Mirror; m != nil && share.Sign() > 0 {
			want[CopyKey(m.To.Service, portOf(how))] = big.NewRat(int64(m.PPM), int64(trafficrouting.Whole))
		}
		for _, part := range rule.To {
			at := part.Backend.Service + "|" + changed(how, part.Headers)
			if want[at] == nil {
				want[at] = new(big.Rat)
			}
			want[at].Add(want[at], new(big.Rat).Mul(share, big.NewRat(int64(part.PPM), int64(trafficrouting.Whole))))
		}
	}
	return want
}

// Visible leaves out backends that get nothing, and writes shares so that they compare.
func Visible(s Shares) map[string]string {
	out := map[string]string{}
	for key, share := range s {
		if share.Sign() > 0 {
			out[key] = share.RatString()
		}
	}
	return out
}
