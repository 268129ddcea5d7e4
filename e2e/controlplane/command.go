package controlplane

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// CLI is kubectl crossfade, built from this checkout.
type CLI string

// BuildCLI builds the program.
func BuildCLI(t testing.TB) CLI {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubectl-crossfade")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./cmd/kubectl-crossfade")
	build.Dir = checkout(t)
	out, err := build.CombinedOutput()
	require.NoError(t, err, "build kubectl crossfade: %s", out)
	return CLI(path)
}

// Run runs the program in a namespace, as the administrator, and returns what it printed to its end.
func (c CLI) Run(t testing.TB, namespace string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), string(c), append(args, "-n", namespace)...)
	cmd.Env = os.Environ()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	t.Logf("kubectl crossfade %v: %s", args, out.String())
	return out.String(), err
}
