package gitops_test

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/e2e/cluster"
)

// question and answer are those of the program in e2e/gitops.
type question struct {
	Do                              string
	Manifest, Live                  *unstructured.Unstructured
	ServerSideApply, ServerSideDiff bool
	Application                     string
}

type answer struct {
	Differs []string
	Health  map[string]string
	Error   string
}

// tools is the program, which has the code of the tools.
type tools struct {
	in  *json.Encoder
	out *json.Decoder
}

// build makes the program, whose versions are its own module's, and returns its path.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "gitops")
	command := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	command.Dir = filepath.Join(checkout(t), "e2e/gitops")
	out, err := command.CombinedOutput()
	require.NoError(t, err, "build the tools: %s", out)
	return program
}

// start runs the program until the test ends.
func start(t *testing.T, program string) *tools {
	t.Helper()
	command := exec.CommandContext(t.Context(), program)
	command.Stderr = io.Discard // Argo CD's log
	in, err := command.StdinPipe()
	require.NoError(t, err)
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_ = command.Wait()
	})
	return &tools{in: json.NewEncoder(in), out: json.NewDecoder(out)}
}

func (s *tools) ask(t *testing.T, q question) answer {
	t.Helper()
	var a answer
	require.NoError(t, s.in.Encode(q))
	require.NoError(t, s.out.Decode(&a))
	require.Empty(t, a.Error, "%s", q.Do)
	return a
}

func checkout(t *testing.T) string {
	t.Helper()
	root, err := cluster.FindCheckout(".")
	require.NoError(t, err)
	return root
}

// snippet is what docs/gitops.md would have an Application ignore.
func snippet(t *testing.T) string {
	t.Helper()
	docs, err := os.ReadFile(filepath.Join(checkout(t), "docs/gitops.md"))
	require.NoError(t, err)
	var found []string
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(docs), -1) {
		if strings.Contains(block[1], "ignoreDifferences") {
			found = append(found, block[1])
		}
	}
	require.Len(t, found, 1, "snippets with ignoreDifferences")
	return found[0]
}
