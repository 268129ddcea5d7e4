package suite_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/load"
	"crossfade.io/crossfade/e2e/suite/world"
)

// unhurried are so many requests a second that evidence takes longer than to set two scenarios up, and to stop what gives it.
const unhurried = 40

// twoCanaries ships a canary as good as stable in one app and a worse one in another, and returns once there is evidence on both,
// which decides nothing yet. The worse one begins with as few errors as stable.
func twoCanaries(t *testing.T) (good, bad *scenario) {
	t.Helper()
	steps := []v1alpha1.Step{world.Weighted("quarter", 25, confident(confidentWithin))}
	good = beginJudged(t, unhurried, setting{suffix: "-good", steps: steps})
	bad = beginJudged(t, unhurried, setting{suffix: "-bad", steps: steps})
	for _, s := range []*scenario{good, bad} {
		s.ship("v2")
	}
	for _, s := range []*scenario{good, bad} {
		s.awaitRelease(1, "evidence that decides nothing yet", func(release *v1alpha1.Release) bool {
			return release.Status.Analysis != nil && release.Status.Analysis.Verdict == v1alpha1.VerdictInconclusive
		})
	}
	for _, s := range []*scenario{good, bad} {
		s.requireUndecided()
	}
	return good, bad
}

// requireVerdicts requires that the good canary is promoted and the bad one goes back, and that no request failed otherwise.
func requireVerdicts(good, bad *scenario) {
	bad.t.Helper()
	bad.requireJudgedBad(bad.awaitEnd(1, "quarter"))
	bad.requireOnlyInjected()
	require.Equal(good.t, v1alpha1.OutcomePromoted, good.awaitEnd(1, "quarter").Status.Outcome)
	good.requireOnlyInjected()
}

// turnBad has the canary fail as often as a worse one does, from now on.
func (s *scenario) turnBad() {
	s.t.Helper()
	for _, pod := range s.podsOf("v2") {
		s.set(pod, `{"errorRatio": 0.05}`)
	}
}

// requireUndecided requires that the first Release is still at its step.
func (s *scenario) requireUndecided() {
	s.t.Helper()
	release := s.story.last(1)
	require.Empty(s.t, release.Status.Progress.Cause, release.Status.Progress.CauseMessage)
	require.Nil(s.t, s.stepNamed(release, "quarter").EndedAt, "the step has ended: %s", known(release))
}

// TestEvidencePrometheusAway: releases hold while nobody can say how the canary does, and say so; afterwards they go where they
// would have gone. It runs alone: Prometheus is everybody's.
func TestEvidencePrometheusAway(t *testing.T) {
	prometheus := monitored(t)
	good, bad := twoCanaries(t)
	bad.turnBad()
	require.NoError(t, prometheus.Stop(t.Context()))
	stopped := time.Now()
	for _, s := range []*scenario{good, bad} {
		s.requireUndecided()
		held := s.awaitRelease(1, "a hold for want of data", func(release *v1alpha1.Release) bool {
			barrier := release.Status.Barrier
			return barrier != nil && strings.Contains(barrier.Message, "("+string(v1alpha1.VerdictNoData)+")")
		})
		s.logf("held %s after Prometheus was stopped: %s", time.Since(stopped).Round(time.Second), held.Status.Barrier.Message)
	}
	good.awaitRequests(stopped, 90*(unhurried+serviceRate*3/2))
	for _, s := range []*scenario{good, bad} {
		s.requireUndecided()
	}
	require.NoError(t, prometheus.Start(t.Context()))
	good.logf("Prometheus was away for %s", time.Since(stopped).Round(time.Second))
	requireVerdicts(good, bad)
}

// TestEvidenceControllerKilled: a controller that was killed in the midst of a step comes to the verdict that it would have come
// to. It runs alone: the controller is everybody's.
func TestEvidenceControllerKilled(t *testing.T) {
	good, bad := twoCanaries(t)
	bad.turnBad()
	for range 2 {
		good.killController()
		good.awaitRequests(time.Now(), 15*(unhurried+serviceRate*3/2))
	}
	requireVerdicts(good, bad)
}

// killController kills it with SIGKILL, and returns once another one runs.
func (s *scenario) killController() {
	s.t.Helper()
	killed, err := controllerProcess(s.ctx)
	require.NoError(s.t, err)
	require.NotZero(s.t, killed, "no controller runs")
	require.NoError(s.t, syscall.Kill(killed, syscall.SIGKILL))
	require.NoError(s.t, freeLease(s.ctx))
	s.eventually(soon, "controller after the one that was killed", func() (string, bool) {
		pid, err := controllerProcess(s.ctx)
		require.NoError(s.t, err)
		return "none", pid != 0 && pid != killed
	})
	s.logf("the controller was killed: %s", known(s.story.last(1)))
}

// TestEvidenceStickiness: users who stay with the canary make its share grow, and status tells the share that was measured
// beside the weight that was configured.
func TestEvidenceStickiness(t *testing.T) {
	t.Parallel()
	const count = 30
	s := beginJudged(t, 10, setting{
		extra: users(count),
		policy: func(r *v1alpha1.Rollout) {
			r.Spec.Strategy.Stickiness = &v1alpha1.Stickiness{Cookie: "lane"}
		},
		steps: []v1alpha1.Step{world.Weighted("twentieth", 5, approval())},
	})
	s.ship("v2")
	step := s.awaitStep(1, "twentieth")
	told := ""
	s.awaitRelease(1, "a measured share over 80 %", func(release *v1alpha1.Release) bool {
		if analysis := release.Status.Analysis; analysis != nil && analysis.Share != told {
			told = analysis.Share
			sent := s.records().Between(step.StartedAt.Time, time.Now())
			s.logf("%s after the step's start: weight %s, measured %q, %s of users' requests", time.Since(step.StartedAt.Time).Round(time.Second),
				release.Status.Weight, told, append(gatewayOnly(sent), ofUsers(sent)...).Share("v2"))
		}
		return percent(told) > 80
	})
	require.Equal(t, "5%", s.story.last(1).Status.Weight)
	s.approve(1, "twentieth")
	require.Equal(t, v1alpha1.OutcomePromoted, s.awaitEnd(1, "twentieth").Status.Outcome)
	s.requireOnlyInjected()
}

// ofUsers keeps the requests of users who keep cookies.
func ofUsers(records load.Records) load.Records {
	var kept load.Records
	for _, record := range records {
		if strings.HasPrefix(record.Target, "user-") {
			kept = append(kept, record)
		}
	}
	return kept
}
