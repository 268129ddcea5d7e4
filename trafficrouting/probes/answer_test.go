package probes_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting/probes"
)

var question = probes.Question{
	Key:     probes.Key{Route: "HTTPRoute/checkout", Probe: "plain", State: "s"},
	Request: v1alpha1.Probe{Name: "plain", URL: "http://gateway/", Host: ptr.To("shop.example.com"), IdentifiedBy: v1alpha1.ProbeIdentity{Header: "X-Version"}},
	Stable:  probes.Arm{Name: "checkout", Pods: "checkout-5d8f-"},
	Canary:  probes.Arm{Name: "checkout-canary", Pods: "checkout-7c9b-"},
}

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		said           []string
		stable, canary string
		want           probes.Answer
	}{
		"values of stable":            {[]string{"v1", "v1", "v1"}, "v1", "v2", probes.Answer{Stable: true, Said: "v1"}},
		"values of the canary":        {[]string{"v2", "v2", "v2"}, "v1", "v2", probes.Answer{Canary: true, Said: "v2"}},
		"values of both":              {[]string{"v2", "v1", "v2"}, "v1", "v2", probes.Answer{Stable: true, Canary: true, Said: "v2"}},
		"names of stable's pods":      {[]string{"checkout-5d8f-aaaaa", "checkout-5d8f-bbbbb"}, "", "", probes.Answer{Stable: true, Said: "checkout-5d8f-bbbbb"}},
		"names of the canary's pods":  {[]string{"checkout-7c9b-aaaaa"}, "", "", probes.Answer{Canary: true, Said: "checkout-7c9b-aaaaa"}},
		"pods' names win over values": {[]string{"checkout-7c9b-aaaaa"}, "checkout-7c9b-aaaaa", "v2", probes.Answer{Canary: true, Said: "checkout-7c9b-aaaaa"}},
		"both versions say the same": {[]string{"v1"}, "v1", "v1", probes.Answer{
			Problem: `Services checkout and checkout-canary both answer with X-Version: "v1", which tells no version; have the app say its version there, or its pod's name`,
		}},
		"somebody else answers": {[]string{"v9"}, "v1", "v2", probes.Answer{
			Problem: `the answer has X-Version: "v9", where stable has "v1" and the canary "v2"; have the app say its version there, or its pod's name`,
		}},
		"no answers": {nil, "v1", "v2", probes.Answer{}},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.Key = question.Key
			require.Equal(t, c.want, question.Judge(probes.Said{Gateway: c.said, Stable: c.stable, Canary: c.canary}))
		})
	}
}

func TestByPods(t *testing.T) {
	require.True(t, question.ByPods([]string{"checkout-5d8f-aaaaa", "checkout-7c9b-bbbbb"}))
	require.False(t, question.ByPods([]string{"checkout-5d8f-aaaaa", "v2"}), "one that is no pod's name has to be asked for")
	require.False(t, probes.Question{}.ByPods([]string{"anything"}), "where no names are known, none tells")
	same := question
	same.Canary.Pods = same.Stable.Pods
	require.False(t, same.ByPods([]string{"checkout-5d8f-aaaaa"}), "a name that fits both tells nothing")
}

func TestPassed(t *testing.T) {
	for name, c := range map[string]struct {
		answer         probes.Answer
		stable, canary bool
	}{
		"stable answers":                   {probes.Answer{Stable: true}, true, false},
		"the canary answers":               {probes.Answer{Canary: true}, false, true},
		"both answer":                      {probes.Answer{Stable: true, Canary: true}, false, false},
		"none answers":                     {probes.Answer{}, false, false},
		"stable answers, then nobody does": {probes.Answer{Stable: true, Problem: "no answer"}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.stable, c.answer.Passed(probes.Stable))
			require.Equal(t, c.canary, c.answer.Passed(probes.Canary))
		})
	}
}

func TestTell(t *testing.T) {
	const head = "probe plain (GET http://gateway/, Host shop.example.com) must reach the canary; "
	for want, answer := range map[string]probes.Answer{
		`stable answered, with X-Version: "v1"`:                      {Stable: true, Said: "v1"},
		`now stable, now the canary answered, with X-Version: "v1"`:  {Stable: true, Canary: true, Said: "v1"},
		`stable answered, with X-Version: "v1", then no answer came`: {Stable: true, Said: "v1", Problem: "no answer came"},
		`no answer came`: {Problem: "no answer came"},
	} {
		require.Equal(t, head+want, answer.Tell(question.Request, probes.Canary, true))
	}
	require.Equal(t, head+"it was not answered yet", probes.Answer{}.Tell(question.Request, probes.Canary, false))
}
