package suite_test

import (
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/load"
)

const (
	// tolerance of a measured share, in standard errors.
	tolerance = 4.5
	// afterwards is how many requests must have been answered after the end of a scenario.
	afterwards = 300
)

// records are the requests that have ended so far.
func (s *scenario) records() load.Records {
	s.t.Helper()
	records, err := s.load.Records()
	require.NoError(s.t, err)
	return records
}

// countedAll stops the load once it has seen the end, so that another scenario's may begin, and prints and returns all requests.
func (s *scenario) countedAll() load.Records {
	s.t.Helper()
	s.awaitRequests(time.Now(), afterwards)
	report, err := s.load.Stop()
	s.giveBack()
	s.t.Logf("%s", report)
	require.NoError(s.t, err)
	return s.records()
}

// requireNoneFailed stops the load, and requires that every request was answered as it should be.
func (s *scenario) requireNoneFailed() load.Records {
	s.t.Helper()
	records := s.countedAll()
	require.Empty(s.t, records.Failed(), "%d of %d requests failed: %v", len(records.Failed()), len(records), records.Failed().Faults())
	return records
}

// requireOnlyInjected stops the load, and requires that no request failed but those that the app was told to fail, which it
// prints by version.
func (s *scenario) requireOnlyInjected() {
	s.t.Helper()
	records := s.countedAll()
	failed := records.Failed()
	var lost load.Records
	injected := map[string]int{}
	for _, record := range failed {
		if record.Fault != load.FaultInjected {
			lost = append(lost, record)
			continue
		}
		injected[record.Version]++
	}
	s.logf("%d requests, failures that the app injected: %v of %v", len(records), injected, records.Versions())
	require.Empty(s.t, lost, "%d of %d requests failed otherwise: %v", len(lost), len(records), lost.Faults())
}

// gatewayOnly keeps the requests through the gateway without match headers or cookies.
func gatewayOnly(records load.Records) load.Records {
	return append(records.Of("gateway"), records.Of("gateway-fresh")...)
}

// serviceOnly keeps the requests to the ClusterIP.
func serviceOnly(records load.Records) load.Records {
	return append(records.Of("service"), records.Of("service-fresh")...)
}

// during keeps the requests sent while a step was in effect.
func during(step v1alpha1.StepStatus, records load.Records) load.Records {
	return records.Between(step.StartedAt.Time, step.EndedAt.Time)
}

// requireShare requires the share of a version, and prints it.
func (s *scenario) requireShare(what string, records load.Records, version string, want float64, atLeast int) {
	s.t.Helper()
	share := records.Share(version)
	s.logf("%-40s %s", what, share)
	require.GreaterOrEqual(s.t, share.Total, atLeast, "%s: too few requests to tell", what)
	require.True(s.t, share.Within(want, tolerance), "%s: %s of %s, wanted %.0f %%", what, share, version, 100*want)
}

// stepNamed finds the one visit of a step.
func (s *scenario) stepNamed(release *v1alpha1.Release, name string) v1alpha1.StepStatus {
	s.t.Helper()
	var found []v1alpha1.StepStatus
	for _, step := range release.Status.Steps {
		if step.Name == name {
			found = append(found, step)
		}
	}
	require.Len(s.t, found, 1, "visits of step %s", name)
	return found[0]
}

// requireSteps requires that these steps were taken, in this order, each once.
func (s *scenario) requireSteps(release *v1alpha1.Release, names ...string) {
	s.t.Helper()
	var taken []string
	for _, step := range release.Status.Steps {
		taken = append(taken, step.Name)
		require.EqualValues(s.t, 1, step.Visit, "visit of step %s", step.Name)
	}
	require.Equal(s.t, strings.Join(names, " "), strings.Join(taken, " "))
}
