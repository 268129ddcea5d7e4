package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// moduleFiles are YAML files out of a required module, joined into one: no copy
// of them is kept in the checkout, and their version is the module's.
type moduleFiles struct {
	file     string
	source   string
	module   string
	patterns []string
}

// kwokStages are the simulations that KWOK itself ships: nodes that stay
// healthy, pods that are ready at once and gone at once.
func kwokStages(checkout string) moduleFiles {
	return moduleFiles{
		file: "kwok-stages.yaml", source: filepath.Join(checkout, "e2e/cluster/kwok"), module: "sigs.k8s.io/kwok",
		patterns: []string{
			"kustomize/stage/node/fast/node-*.yaml",
			"kustomize/stage/node/heartbeat-with-lease/node-*.yaml",
			"kustomize/stage/pod/fast/pod-*.yaml",
		},
	}
}

// gatewayAPI are the CRDs of the standard channel. Traefik reads TCPRoutes as v1alpha2, which the experimental one serves.
func gatewayAPI(checkout string, controlPlaneOnly bool) moduleFiles {
	m := moduleFiles{
		file: "gateway-api.yaml", source: filepath.Join(checkout, "e2e"),
		module: "sigs.k8s.io/gateway-api", patterns: []string{"config/crd/standard/*.yaml"},
	}
	if !controlPlaneOnly {
		m.patterns = []string{"config/crd/standard/*_[^t]*.yaml", "config/crd/standard/*_tlsroutes.yaml", "config/crd/experimental/*_tcproutes.yaml"}
	}
	return m
}

// istioCRDs are those of the version that istiod is of.
func istioCRDs(checkout string) moduleFiles {
	return moduleFiles{
		file: "istio-crds.yaml", source: filepath.Join(checkout, "e2e/cluster/istio"),
		module: "istio.io/istio", patterns: []string{"manifests/charts/base/files/crd-all.gen.yaml"},
	}
}

// traefikCRDs are those of the version that Traefik is of, which it needs all.
func traefikCRDs(checkout string) moduleFiles {
	return moduleFiles{
		file: "traefik-crds.yaml", source: filepath.Join(checkout, "e2e/cluster/traefik"),
		module: "github.com/traefik/traefik/v3", patterns: []string{"docs/content/reference/dynamic-configuration/traefik.io_*.yaml"},
	}
}

func (m moduleFiles) name() string { return m.file }

func (m moduleFiles) key() (version, hash string, err error) {
	version, err = moduleVersion(filepath.Join(m.source, "go.mod"), m.module)
	if err != nil {
		return "", "", err
	}
	sum := sha256.Sum256([]byte(strings.Join(m.patterns, "\n")))
	return version, hex.EncodeToString(sum[:])[:12], nil
}

func (m moduleFiles) make(ctx context.Context, path string) error {
	dir, err := m.directory(ctx)
	if err != nil {
		return err
	}
	var joined bytes.Buffer
	for _, pattern := range m.patterns {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return fmt.Errorf("list files of %s: %w", m.module, err)
		}
		if len(files) == 0 {
			return fmt.Errorf("list files of %s: nothing matches %s", m.module, pattern)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				return fmt.Errorf("read file of %s: %w", m.module, err)
			}
			joined.WriteString("---\n")
			joined.Write(content)
			joined.WriteString("\n")
		}
	}
	if err := os.WriteFile(path, joined.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write %s: %w", m.file, err)
	}
	return nil
}

// directory is where the module's files are, downloaded if need be.
func (m moduleFiles) directory(ctx context.Context) (string, error) {
	for _, argv := range [][]string{{"mod", "download", m.module}, {"list", "-m", "-f", "{{.Dir}}", m.module}} {
		command := exec.CommandContext(ctx, "go", argv...)
		command.Dir = m.source
		command.Env = append(os.Environ(), "GOWORK=off")
		var failure bytes.Buffer
		command.Stderr = &failure
		output, err := command.Output()
		if err != nil {
			return "", fmt.Errorf("go %s: %w: %s", strings.Join(argv, " "), err, tail(failure.Bytes()))
		}
		if argv[0] == "list" {
			return strings.TrimSpace(string(output)), nil
		}
	}
	return "", fmt.Errorf("find files of %s: no folder", m.module)
}
