package report_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/clitest"
	"crossfade.io/crossfade/cli/report"
)

func written(t *testing.T, rel v1alpha1.Release) string {
	t.Helper()
	var out strings.Builder
	require.NoError(t, report.Write(&out, &rel, clitest.Now))
	return out.String()
}

func TestPagesSayWhatThereIs(t *testing.T) {
	tests := map[string]struct {
		plots int
		says  []string
	}{
		"worse": {12, []string{
			"How many times stable", "Evidence", "Quantile", "Share", "Value", "first 5%", ">Failed<", "2026-11-21 12:22:30 UTC",
			"error rate 3.5x stable (1.7-6.5), evidence 1419 &gt;= 100, after 1m15s and 28 errors", "0.6 of 1000",
		}},
		"as-good": {12, []string{"in flight, at step first", "4.8% to the canary as counted, 5% as routed", "about 2m10s at 5%; about 1m30s at 50%"}},
		"further": {12, []string{"first 5%", "half 50%", "4m so far"}},
		"test-open": {3, []string{
			"A/B test", "test, 50% to the canary", "2026-11-18 08:30:00 UTC, for 3d4h", "7d, until 2026-11-25 08:30:00 UTC", "14d, until 2026-12-02 08:30:00 UTC",
			"a difference of 0.2 points or less", "Report: a person approves the step, or aborts", "Neither version is shown to be better yet: ",
			"Canary minus stable, in percentage points", "<td>15464</td>", "<td>15827</td>", ">Open</span>",
		}},
		"test-better":  {3, []string{"The canary is better: orders 7.19% of canary and 6.01% of stable, difference &#43;1.18 points (&#43;0.325 to &#43;2.04).", "Neither</td>"}},
		"test-means":   {3, []string{"The canary is worse: orders 18.04 of canary and 19.95 of stable, difference -1.9 (-2.56 to -1.25).", "lasted 7d23h", "Mean of orders"}},
		"test-to-come": {0, []string{"No users of both versions are counted yet.", "it has not begun", "PromoteWinner: the canary goes on if"}},
		"no-numbers":   {0, []string{"nothing answers there"}},
		"unasked":      {0, []string{"nothing is judged: its policy has no analysis"}},
		"not-yet":      {0, []string{"nothing is judged yet"}},
	}
	for name, rel := range clitest.Judgements() {
		t.Run(name, func(t *testing.T) {
			page := written(t, rel)
			require.Equal(t, tests[name].plots, strings.Count(page, "<svg "))
			for _, text := range tests[name].says {
				require.Contains(t, page, text)
			}
		})
	}
}

// TestPagesNeedNothing: no network, no script, and no colour that the page's dark side doesn't know.
func TestPagesNeedNothing(t *testing.T) {
	page := written(t, clitest.Judgements()["worse"])
	require.Contains(t, page, `content="default-src 'none'; style-src 'unsafe-inline'"`)
	require.NotRegexp(t, `(?i)\b(src|href)=|url\(|@import|<script|<link`, page)
	named := regexp.MustCompile(`xmlns(:xlink)?="http://www\.w3\.org/[^"]*"`)
	require.NotContains(t, named.ReplaceAllString(page, ""), "://")
	body := page[strings.Index(page, "<body>"):]
	require.NotRegexp(t, `(fill|stroke):#`, body)
}

func TestPagesAreAsReadAsTheyAreWritten(t *testing.T) {
	const evil = `"><script>alert(1)</script>`
	rel := clitest.Judgements()["as-good"]
	rel.Name, rel.Status.Message, rel.Status.Steps[1].Name = evil, evil, evil
	rel.Status.Canary.Images = []string{evil}
	a := rel.Status.Analysis
	a.Message, a.Outlook, a.Share = evil, evil, evil
	m := &a.Metrics[0]
	m.Name, m.Kind, m.Reason, m.Decides, m.Ratio, m.Verdicts[0].Reason, m.Verdicts[1].Verdict = evil, evil, evil, evil, "2"+evil, evil, evil
	m.Series = strings.Replace(m.Series, "\n", ",x\n", 1)
	m.Series = strings.ReplaceAll(m.Series, "\n", ",<script>\n")
	m.Series = strings.Replace(m.Series, ",x,<script>\n", ",x\n", 1)
	require.NotContains(t, written(t, rel), "<script")
}

// TestTheGoalOfATestHasOneSection: its course is in that of the test, other Goals have their own.
func TestTheGoalOfATestHasOneSection(t *testing.T) {
	rel := clitest.Judgements()["test-open"]
	require.NotContains(t, written(t, rel), "<h2>shop/orders</h2>")
	rel.Spec.Policy.Strategy.ABTest = nil
	page := written(t, rel)
	require.Contains(t, page, "<h2>shop/orders</h2>")
	require.NotContains(t, page, "<h2>A/B test</h2>")
}

func TestASeriesThatCantBeReadIsSaid(t *testing.T) {
	rel := clitest.Judgements()["as-good"]
	rel.Status.Analysis.Metrics[0].Series = "seconds,ratio\n1"
	require.ErrorContains(t, report.Write(&strings.Builder{}, &rel, clitest.Now), "write the report on Release shop/checkout-4: read series of metric errors: ")
}

// TestASplitIsByWhatWasDeclared: a figure of 1 is the share that it should have, not that of stable.
func TestASplitIsByWhatWasDeclared(t *testing.T) {
	page := written(t, clitest.Judgements()["as-good"])
	require.Contains(t, page, "x its declared share<")
	require.Contains(t, page, "Grey: declared, 5% at last.")
}
