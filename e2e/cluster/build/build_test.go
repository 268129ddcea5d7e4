package build

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEnsure(t *testing.T) {
	cache := t.TempDir()
	made := 0
	a := fake{write: func(path string) error {
		made++
		return os.WriteFile(path, []byte("built"), 0o600)
	}}
	for range 2 {
		path, err := ensure(t.Context(), cache, a, io.Discard)
		require.NoError(t, err)
		require.Equal(t, filepath.Join(cache, "thing-v1-abc"), path)
	}
	require.Equal(t, 1, made, "what is in the cache is not built again")

	t.Run("a build that fails leaves nothing in the cache", func(t *testing.T) {
		cache := t.TempDir()
		broken := errors.New("broken")
		_, err := ensure(t.Context(), cache, fake{write: func(path string) error {
			require.NoError(t, os.WriteFile(path, []byte("half"), 0o600))
			return broken
		}}, io.Discard)
		require.ErrorIs(t, err, broken)
		left, err := os.ReadDir(cache)
		require.NoError(t, err)
		require.Empty(t, left)
	})
}

func TestProgramKey(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	write("go.mod", "module m\n\ngo 1.26.0\n\nrequire example.test/lib v1.2.3\n")
	write("main.go", "package main\n")
	p := program{binary: "tool", source: dir, target: ".", module: "example.test/lib"}
	version, hash, err := p.key()
	require.NoError(t, err)
	require.Equal(t, "v1.2.3", version)

	_, again, err := p.key()
	require.NoError(t, err)
	require.Equal(t, hash, again)
	write("main.go", "package main // changed\n")
	_, changed, err := p.key()
	require.NoError(t, err)
	require.NotEqual(t, hash, changed)

	p.module = "example.test/missing"
	_, _, err = p.key()
	require.ErrorContains(t, err, "does not require it")
}

type fake struct{ write func(string) error }

func (fake) name() string                                { return "thing" }
func (fake) key() (version, hash string, err error)      { return "v1", "abc", nil }
func (f fake) make(_ context.Context, path string) error { return f.write(path) }
