// Package image makes container images without a registry, a daemon or a base
// image: one static binary is all they hold.
package image

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	containers "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// user runs the binary: the same unprivileged one as in distroless images.
const user = "65532:65532"

// label marks the images that were made here.
const label = "crossfade.io/made-by"

// Write writes an image archive to path. The binary becomes the entry point,
// followed by args. The same input gives the same image.
func Write(path, reference, binary string, args []string) error {
	tag, err := name.NewTag(reference)
	if err != nil {
		return fmt.Errorf("parse image name: %w", err)
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		return fmt.Errorf("read binary: %w", err)
	}
	entry := "/" + filepath.Base(binary)
	archive, err := layer(entry, content)
	if err != nil {
		return fmt.Errorf("pack %s: %w", binary, err)
	}
	only, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(archive)), nil
	})
	if err != nil {
		return fmt.Errorf("pack %s: %w", binary, err)
	}
	filled, err := mutate.AppendLayers(empty.Image, only)
	if err != nil {
		return fmt.Errorf("pack %s: %w", binary, err)
	}
	file, err := filled.ConfigFile()
	if err != nil {
		return fmt.Errorf("pack %s: %w", binary, err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = runtime.GOOS, runtime.GOARCH
	file.Config = containers.Config{
		Entrypoint: append([]string{entry}, args...),
		User:       user,
		WorkingDir: "/",
		Labels:     map[string]string{label: "crossfade-cluster"},
	}
	complete, err := mutate.ConfigFile(filled, file)
	if err != nil {
		return fmt.Errorf("pack %s: %w", binary, err)
	}
	if err := tarball.WriteToFile(path, tag, complete); err != nil {
		return fmt.Errorf("write image %s: %w", reference, err)
	}
	return nil
}

func layer(entry string, content []byte) ([]byte, error) {
	var out bytes.Buffer
	writer := tar.NewWriter(&out)
	header := &tar.Header{Name: entry, Mode: 0o755, Size: int64(len(content)), Typeflag: tar.TypeReg}
	if err := writer.WriteHeader(header); err != nil {
		return nil, err
	}
	if _, err := writer.Write(content); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
