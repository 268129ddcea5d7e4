package image_test

import (
	"archive/tar"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/e2e/cluster/image"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "app")
	require.NoError(t, os.WriteFile(binary, []byte("a program"), 0o755))
	archive := filepath.Join(dir, "image.tar")
	require.NoError(t, image.Write(archive, "app:1", binary, []string{"--verbose"}))

	written, err := tarball.ImageFromPath(archive, nil)
	require.NoError(t, err)
	config, err := written.ConfigFile()
	require.NoError(t, err)
	require.Equal(t, []string{"/app", "--verbose"}, config.Config.Entrypoint)
	require.Equal(t, "65532:65532", config.Config.User)
	require.Equal(t, "linux", config.OS)

	layers, err := written.Layers()
	require.NoError(t, err)
	require.Len(t, layers, 1)
	content, err := layers[0].Uncompressed()
	require.NoError(t, err)
	reader := tar.NewReader(content)
	header, err := reader.Next()
	require.NoError(t, err)
	require.Equal(t, "/app", header.Name)
	require.Equal(t, int64(0o755), header.Mode)
	packed, err := io.ReadAll(reader)
	require.NoError(t, err)
	require.Equal(t, "a program", string(packed))

	t.Run("the same input gives the same image", func(t *testing.T) {
		again := filepath.Join(dir, "again.tar")
		require.NoError(t, image.Write(again, "app:1", binary, []string{"--verbose"}))
		one, err := os.ReadFile(archive)
		require.NoError(t, err)
		other, err := os.ReadFile(again)
		require.NoError(t, err)
		require.Equal(t, one, other)
	})
	t.Run("a bad name is refused", func(t *testing.T) {
		require.ErrorContains(t, image.Write(archive, "No Name", binary, nil), "parse image name")
	})
}
