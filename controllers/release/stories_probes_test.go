package release_test

import (
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
	"crossfade.io/crossfade/trafficrouting"
)

// probing is a world whose route has probes, with a step by match first.
func probing() options {
	return options{
		steps:    []v1alpha1.Step{matching("insiders", 1, nil), weigh("half", 50, approval())},
		deadline: 5 * time.Minute, change: plainAndInsider,
	}
}

func byIngress(o options) options {
	o.ingress = true
	return o
}

// waitsForProbe goes on until a probe holds the Release, and tells what it says.
func waitsForProbe(w *world, so func() bool) {
	w.t.Helper()
	w.until("a probe that holds", func() bool {
		return w.status.Barrier != nil && w.status.Barrier.Name == "probe" && !strings.Contains(w.status.Message, "not answered yet") && so()
	})
	w.tale.line(w, "", "waits: %s", w.status.Message)
	for _, route := range w.status.Routes {
		w.tale.line(w, "", "%s %s: %s in effect by its objects, evidence %s", route.Kind, route.Name, route.InEffect, route.Evidence)
	}
}

func (w *world) fallBehind(behind bool) {
	w.tale.line(w, "proxies", "%s", map[bool]string{true: "take no notice of routes", false: "follow again"}[behind])
	w.proxies.behind = behind
}

// shifted: requests of the first step were asked for.
func (w *world) shifted() bool { return w.status.Progress.Shifted }

// storiesOfProbes are of routes that requests are seen to follow.
var storiesOfProbes = map[string]story{
	"probe-promote": {"Before each weight, and before the old pods go, probes have seen what they must of the split.", probing(), func(w *world) {
		begin(w)
		w.at("half")
		require.Equal(w.t, trafficrouting.EvidenceAccepted.String(), w.status.Routes[0].Evidence, "of a half no single answer tells")
		w.approve("half")
		w.until("everything at the canary", func() bool {
			return w.status.Progress.Stage == v1alpha1.StageFlipping && w.last.Rule == planner.RulePromoting && w.status.Barrier != nil && w.status.Barrier.Name == "settle"
		})
		require.Equal(w.t, trafficrouting.EvidenceProbed.String(), w.status.Routes[0].Evidence)
		w.end(v1alpha1.OutcomePromoted)
	}},
	"probe-lags": {"The gateway has accepted the route, and its proxies follow a minute later: until then the next step waits.", probing(), func(w *world) {
		begin(w)
		w.until("the first split settles", func() bool { return w.last.Rule == planner.RuleConfirming })
		w.fallBehind(true)
		waitsForProbe(w, w.shifted)
		w.pass(time.Minute)
		w.fallBehind(false)
		w.at("half")
		w.approve("half")
		w.end(v1alpha1.OutcomePromoted)
	}},
	"probe-never-passes": {"What has accepted the route is not what serves its requests: the deadline decides.", probing(), func(w *world) {
		begin(w)
		w.until("the first split settles", func() bool { return w.last.Rule == planner.RuleConfirming })
		w.fallBehind(true)
		waitsForProbe(w, w.shifted)
		w.end(v1alpha1.OutcomeFailed)
	}},
	"probe-that-tells-nothing": {"Where probes get no answer not even the first share is given.", probing(), func(w *world) {
		w.tale.line(w, "proxies", "give no answer")
		w.proxies.mute = true
		begin(w)
		waitsForProbe(w, func() bool { return true })
		w.end(v1alpha1.OutcomeFailed)
	}},
	"probe-keeps-the-canary": {"On the way back the canary's pods stay for as long as a probe reaches them.", probing(), func(w *world) {
		begin(w)
		w.at("half")
		w.promote()
		w.stage(v1alpha1.StageUnpinning)
		w.abort()
		w.fallBehind(true)
		waitsForProbe(w, func() bool { return w.status.Progress.Stage == v1alpha1.StageWithdrawing })
		w.pass(5 * time.Minute)
		w.fallBehind(false)
		w.end(v1alpha1.OutcomeAborted)
	}},
	"probe-ingress": {"An Ingress tells nothing of what serves its requests: the probes do, before its first share is followed by the next.", byIngress(probing()), func(w *world) {
		begin(w)
		w.until("the first split settles", func() bool { return w.last.Rule == planner.RuleConfirming })
		w.fallBehind(true)
		waitsForProbe(w, w.shifted)
		w.pass(time.Minute)
		w.fallBehind(false)
		w.at("half")
		w.abort()
		w.end(v1alpha1.OutcomeAborted)
	}},
	"probe-of-a-lost-gateway": {"On the way back a gateway that gives no answer is waited for a few seconds, and then keeps nothing.", probing(), func(w *world) {
		begin(w)
		w.at("half")
		w.tale.line(w, "proxies", "give no answer")
		w.proxies.mute = true
		w.abort()
		w.end(v1alpha1.OutcomeAborted)
	}},
}
