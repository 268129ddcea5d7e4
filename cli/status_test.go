package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/clitest"
	"crossfade.io/crossfade/cli/view"
)

func TestStatusDrawsAFrame(t *testing.T) {
	story := clitest.Stories()["waiting-approval"]
	w := newWorld(t, story)
	want := view.Frame(view.Of(story.Rollout, story.Releases), clitest.Now, view.Screen{})
	for _, args := range [][]string{{"status"}, {"status", "checkout"}, {"status", "-A"}} {
		out, err := w.run(t.Context(), args...)
		require.NoError(t, err)
		require.Equal(t, want, out)
	}
}

func TestStatusOfAnEmptyNamespace(t *testing.T) {
	out, err := newWorld(t, clitest.Story{}).run(t.Context(), "status")
	require.NoError(t, err)
	require.Equal(t, "No Rollouts in namespace shop.\n", out)
}

func TestStatusForMachines(t *testing.T) {
	w := newWorld(t, clitest.Stories()["waiting-approval"])
	for format, parse := range map[string]func([]byte, any) error{
		"json": json.Unmarshal,
		"yaml": func(text []byte, into any) error { return yaml.Unmarshal(text, into) },
	} {
		t.Run(format, func(t *testing.T) {
			out, err := w.run(t.Context(), "status", "checkout", "-o", format)
			require.NoError(t, err)
			var list struct {
				Kind  string
				Items []struct {
					Kind     string
					Metadata struct{ Name string }
				}
			}
			require.NoError(t, parse([]byte(out), &list))
			require.Equal(t, "List", list.Kind)
			require.Len(t, list.Items, 2)
			require.Equal(t, "Rollout", list.Items[0].Kind)
			require.Equal(t, "checkout-4", list.Items[1].Metadata.Name)
		})
	}
}

func TestCompletion(t *testing.T) {
	w := newWorld(t, clitest.Stories()["waiting-approval"])
	out := &bytes.Buffer{}
	cmd := w.program(out).Command()
	cmd.SetArgs([]string{"__complete", "-n", "shop", "abort", ""})
	require.NoError(t, cmd.ExecuteContext(t.Context()))
	require.Contains(t, out.String(), "checkout\n")

	out.Reset()
	cmd = w.program(out).Command()
	cmd.SetArgs([]string{"__complete", "-n", "shop", "approve", "checkout", "--step", ""})
	require.NoError(t, cmd.ExecuteContext(t.Context()))
	require.Contains(t, out.String(), "insiders\nhalf\n")
}

func TestVersion(t *testing.T) {
	out, err := newWorld(t, clitest.Story{}).run(t.Context(), "version")
	require.NoError(t, err)
	require.Contains(t, out, "kubectl-crossfade ")
}

// pipe is an output that a test can look at while a command writes to it.
type pipe struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (p *pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.Write(b)
}

func (p *pipe) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.String()
}

// follow runs a command in the background.
func (w *world) follow(ctx context.Context, args ...string) (*pipe, <-chan error) {
	out, done := &pipe{}, make(chan error, 1)
	p := w.program(nil)
	p.Streams.Out, p.Streams.ErrOut = out, out
	go func() { done <- p.run(ctx, args...) }()
	return out, done
}

func eventually(t *testing.T, out *pipe, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(out.String(), text) }, 10*time.Second, 5*time.Millisecond, text)
}

func TestUntilEnded(t *testing.T) {
	tests := map[string]struct {
		outcome v1alpha1.Outcome
		want    string
	}{
		"promoted": {v1alpha1.OutcomePromoted, ""},
		"failed":   {v1alpha1.OutcomeFailed, "follow Release shop/checkout-4: it ended as Failed: the canary had no ready endpoint for 5s"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, clitest.Stories()["waiting-approval"])
			out, done := w.follow(t.Context(), "status", "checkout", "--until", "ended")
			eventually(t, out, "WAITING FOR APPROVAL")

			_, err := w.run(t.Context(), "approve", "checkout")
			require.NoError(t, err)
			eventually(t, out, "approved")

			rel := w.release(t)
			if test.want != "" {
				rel.Status.Progress.CauseMessage = "the canary had no ready endpoint for 5s"
			}
			clitest.End(rel, 0, test.outcome, "over")
			require.NoError(t, w.Status().Update(t.Context(), rel))
			err = <-done
			if test.want == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, test.want)
			}
			eventually(t, out, "Last release checkout-4 · "+string(test.outcome))
		})
	}
}

func TestUntilEndedOfWhatIsOver(t *testing.T) {
	_, err := newWorld(t, clitest.Stories()["promoted"]).run(t.Context(), "status", "checkout", "--until", "ended")
	require.NoError(t, err)
	_, err = newWorld(t, clitest.Stories()["aborted-resting"]).run(t.Context(), "status", "checkout", "--until", "ended")
	require.EqualError(t, err, "follow Release shop/checkout-4: it ended as Aborted: an abort was asked for")
	_, err = newWorld(t, clitest.Stories()["idle-armed"]).run(t.Context(), "status", "checkout", "--until", "ended")
	require.EqualError(t, err, "follow Rollout shop/checkout: no Release is in flight; it has had none yet: a new pod template of Deployment checkout begins one")
}

func TestUntilEndedWaitsForTheReleaseOfAHeldTemplate(t *testing.T) {
	story := clitest.Stories()["promoted"]
	clitest.Set(&story.Rollout.Status.Conditions, v1alpha1.ConditionHeld, true, v1alpha1.ReasonTemplateHeld, "a new template is held")
	w := newWorld(t, story)
	out, done := w.follow(t.Context(), "status", "checkout", "--until", "ended")
	eventually(t, out, "a new template is held")
	rel := clitest.Aborted()
	status := rel.Status
	require.NoError(t, w.Create(t.Context(), &rel))
	rel.Status = status
	require.NoError(t, w.Status().Update(t.Context(), &rel))
	require.EqualError(t, <-done, "follow Release shop/checkout-4: it ended as Aborted: an abort was asked for")
}

func TestWatchPrintsOnlyWhatChanged(t *testing.T) {
	w := newWorld(t, clitest.Stories()["stepping-clock"])
	ctx, stop := context.WithCancel(t.Context())
	out, done := w.follow(ctx, "status", "checkout", "--watch")
	eventually(t, out, "HOLDING")

	touched := w.release(t)
	touched.Annotations = map[string]string{"of-no": "interest"}
	require.NoError(t, w.Update(t.Context(), touched))
	_, err := w.run(t.Context(), "pause", "checkout")
	require.NoError(t, err)
	eventually(t, out, "PAUSED")

	stop()
	require.NoError(t, <-done)
	require.Equal(t, 2, strings.Count(out.String(), "Release checkout-4 ·"), out.String())
}
