package supervisor_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/e2e/cluster/supervisor"
)

// TestSupervisor is one test: a process has one supervisor, which reaps all.
func TestSupervisor(t *testing.T) {
	logs := t.TempDir()
	t.Setenv("TMPDIR", t.TempDir())
	report := filepath.Join(t.TempDir(), "status.json")
	s := supervisor.New(logs, report)

	t.Run("a program that succeeds is no error", func(t *testing.T) {
		require.NoError(t, s.Run(t.Context(), "/bin/true"))
	})
	t.Run("a program that fails is an error with its output", func(t *testing.T) {
		err := s.Run(t.Context(), "/bin/sh", "-c", "echo why >&2; exit 3")
		require.ErrorContains(t, err, "exit code 3: why")
	})
	t.Run("a program that does not end is given up", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, s.Run(ctx, "/bin/sleep", "1"), context.DeadlineExceeded)
	})
	t.Run("a component that dies shows in the status and is not restarted", func(t *testing.T) {
		require.NoError(t, s.Start(supervisor.Component{Name: "lasting", Argv: []string{"/bin/sleep", "1000"}}))
		require.NoError(t, s.Start(supervisor.Component{
			Name: "dying", Argv: []string{"/bin/sh", "-c", "echo $REASON; kill -9 $$"}, Env: []string{"REASON=bad luck"},
		}))
		require.Eventually(t, func() bool { return s.Problem() != "" }, 10*time.Second, time.Millisecond)
		require.Equal(t, "components died: dying (signal killed)", s.Problem())
		status, err := supervisor.ReadStatus(report)
		require.NoError(t, err)
		require.Equal(t, []string{"dying (signal killed)"}, status.Dead())
		require.Len(t, status.Components, 2)
		log, err := os.ReadFile(filepath.Join(logs, "dying.log"))
		require.NoError(t, err)
		require.Equal(t, "bad luck\n", string(log))
	})
	t.Run("phases and completion are reported", func(t *testing.T) {
		require.NoError(t, s.Enter("something"))
		status, err := supervisor.ReadStatus(report)
		require.NoError(t, err)
		require.Equal(t, "something", status.Phase)
		require.False(t, status.Ready)
		require.NoError(t, s.Complete())
		status, err = supervisor.ReadStatus(report)
		require.NoError(t, err)
		require.True(t, status.Ready)
	})
}
