package cli_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/clitest"
	"crossfade.io/crossfade/cli/view"
)

func evidenceOnCheckout() clitest.Story {
	return clitest.Story{Rollout: clitest.Rollout(), Releases: []v1alpha1.Release{clitest.Judgements()["as-good"], clitest.Promoted()}}
}

func TestAnalysisDrawsTheReleaseThatIsMeant(t *testing.T) {
	story := evidenceOnCheckout()
	w := newWorld(t, story)
	for name, rel := range map[string]v1alpha1.Release{"checkout": story.Releases[0], "checkout-4": story.Releases[0], "checkout-3": story.Releases[1]} {
		out, err := w.run(t.Context(), "analysis", name)
		require.NoError(t, err)
		require.Equal(t, view.Analysis(&rel, clitest.Now, view.Screen{}), out)
	}
}

func TestAnalysisOfWhatIsNotThere(t *testing.T) {
	story := evidenceOnCheckout()
	for want, run := range map[string]struct {
		story clitest.Story
		args  []string
	}{
		"analysis of shop/chekout: no Rollout or Release has that name; there are: checkout, checkout-3, checkout-4": {story, []string{"chekout"}},
		"analysis of shop/checkout: not found; namespace shop has no Rollouts, choose another one with -n":           {clitest.Story{}, []string{"checkout"}},
		"analysis of Rollout shop/checkout: evidence is on Releases, and it has had none yet: a new pod template of Deployment checkout begins one": {
			clitest.Stories()["idle-armed"], []string{"checkout"},
		},
		"analysis: name one Rollout or Release: kubectl crossfade analysis NAME; there are: checkout, checkout-3, checkout-4": {story, nil},
		"analysis: --all needs the directory to write pages to: --html DIRECTORY --all":                                       {story, []string{"checkout", "--all"}},
		"analysis: --all writes many pages; name a directory with --html":                                                     {story, []string{"checkout", "--all", "--html", "-"}},
		"analysis: a page can't be watched; leave out --watch or --html":                                                      {story, []string{"checkout", "--watch", "--html", "x"}},
	} {
		_, err := newWorld(t, run.story).run(t.Context(), append([]string{"analysis"}, run.args...)...)
		require.EqualError(t, err, want)
	}
}

func TestAnalysisIsFollowed(t *testing.T) {
	w := newWorld(t, evidenceOnCheckout())
	ctx, stop := context.WithCancel(t.Context())
	out, done := w.follow(ctx, "analysis", "checkout-4", "--watch")
	eventually(t, out, "✓ Pass")
	rel := w.release(t)
	rel.Status = clitest.Judgements()["worse"].Status
	require.NoError(t, w.Status().Update(t.Context(), rel))
	eventually(t, out, "✗ Fail")
	require.NoError(t, w.Delete(t.Context(), rel))
	eventually(t, out, "Release shop/checkout-4 was removed.")
	stop()
	require.NoError(t, <-done)
}

func TestAnalysisWritesPages(t *testing.T) {
	w := newWorld(t, evidenceOnCheckout())
	directory := filepath.Join(t.TempDir(), "reports")
	out, err := w.run(t.Context(), "analysis", "checkout", "--html", directory, "--all")
	require.NoError(t, err)
	require.Equal(t, "Wrote "+filepath.Join(directory, "checkout-3.html")+".\n", out, "what is in flight has not ended")

	file := filepath.Join(directory, "now.html")
	_, err = w.run(t.Context(), "analysis", "checkout", "--html", file)
	require.NoError(t, err)
	page, err := os.ReadFile(file)
	require.NoError(t, err)
	out, err = w.run(t.Context(), "analysis", "checkout", "--html", "-")
	require.NoError(t, err)
	require.Equal(t, string(page), out)
	require.Contains(t, out, "Release shop/checkout-4")

	_, err = w.run(t.Context(), "analysis", "checkout", "--html", filepath.Join(directory, "nowhere", "now.html"))
	require.ErrorContains(t, err, "write the report on Release shop/checkout-4: open ")

	fresh := clitest.Story{Rollout: clitest.Rollout(), Releases: []v1alpha1.Release{clitest.Judgements()["as-good"]}}
	out, err = newWorld(t, fresh).run(t.Context(), "analysis", "checkout", "--html", directory, "--all")
	require.NoError(t, err)
	require.Equal(t, "No Release of Rollout checkout has ended.\n", out)
}

func TestAnalysisCompletesNames(t *testing.T) {
	out := &bytes.Buffer{}
	cmd := newWorld(t, evidenceOnCheckout()).program(out).Command()
	cmd.SetArgs([]string{"__complete", "-n", "shop", "analysis", ""})
	require.NoError(t, cmd.ExecuteContext(t.Context()))
	require.Contains(t, out.String(), "checkout\ncheckout-3\ncheckout-4\n")
}
