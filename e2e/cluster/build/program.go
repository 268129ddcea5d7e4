package build

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// program is a Go program, built within a module of its own.
type program struct {
	binary string
	// source is the folder of the module, or of the package if it is one of a
	// module that others change all the time.
	source string
	// modfile stands in the place of the module's go.mod; empty for that one.
	modfile string
	// target is the package to build.
	target string
	// module gives the program its version; empty for Crossfade's own.
	module string
	// versionFlag is the variable that is told the version; empty for none.
	versionFlag string
	// tags are the build tags, with commas; empty for none.
	tags string
}

// kubernetesVariable names another version of Kubernetes, such as 1.34, whose modules e2e/cluster/kubernetes has beside
// the usual ones.
const kubernetesVariable = "CROSSFADE_KUBERNETES"

func kubernetes(checkout string) program {
	other := ""
	if version := os.Getenv(kubernetesVariable); version != "" {
		other = "go-" + version + ".mod"
	}
	return program{
		binary: "kubernetes", source: filepath.Join(checkout, "e2e/cluster/kubernetes"), modfile: other, target: ".",
		module: "k8s.io/kubernetes", versionFlag: "k8s.io/component-base/version.gitVersion",
	}
}

func traefik(checkout string) program {
	return program{
		binary: "traefik", source: filepath.Join(checkout, "e2e/cluster/traefik"),
		target: "github.com/traefik/traefik/v3/cmd/traefik",
		module: "github.com/traefik/traefik/v3", versionFlag: "github.com/traefik/traefik/v3/pkg/version.Version",
	}
}

func istiod(checkout string) program {
	return program{
		binary: "istiod", source: filepath.Join(checkout, "e2e/cluster/istio"),
		target: "istio.io/istio/pilot/cmd/pilot-discovery", module: "istio.io/istio",
	}
}

func metricsServer(checkout string) program {
	return program{
		binary: "metrics-server", source: filepath.Join(checkout, "e2e/cluster/metricsserver"),
		target: "sigs.k8s.io/metrics-server/cmd/metrics-server", module: "sigs.k8s.io/metrics-server",
	}
}

// prometheus finds what it scrapes in files and in Kubernetes alone, which halves it.
func prometheus(checkout string) program {
	return program{
		binary: "prometheus", source: filepath.Join(checkout, "e2e/cluster/prometheus"),
		target: "github.com/prometheus/prometheus/cmd/prometheus", module: "github.com/prometheus/prometheus",
		versionFlag: "github.com/prometheus/common/version.Version", tags: "remove_all_sd,enable_kubernetes_sd",
	}
}

func kwok(checkout string) program {
	return program{
		binary: "kwok", source: filepath.Join(checkout, "e2e/cluster/kwok"),
		target: "sigs.k8s.io/kwok/cmd/kwok", module: "sigs.k8s.io/kwok",
	}
}

func pause(checkout string) program {
	return program{binary: "pause", source: filepath.Join(checkout, "e2e/cluster/pause"), target: "."}
}

func (p program) name() string { return p.binary }

func (p program) key() (version, hash string, err error) {
	version, err = moduleVersion(filepath.Join(p.source, p.modules()), p.module)
	if err != nil {
		return "", "", err
	}
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), runtime.GOARCH, p.arguments("", version))
	var files []string
	sums := strings.TrimSuffix(p.modules(), ".mod") + ".sum"
	for _, pattern := range []string{p.modules(), sums, "*.go", "*/go.mod", "*/*.go"} {
		found, err := filepath.Glob(filepath.Join(p.source, pattern))
		if err != nil {
			return "", "", fmt.Errorf("list sources of %s: %w", p.binary, err)
		}
		files = append(files, found...)
	}
	slices.Sort(files)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return "", "", fmt.Errorf("read sources of %s: %w", p.binary, err)
		}
		fmt.Fprintln(sum, strings.TrimPrefix(file, p.source), len(content))
		sum.Write(content)
	}
	return version, hex.EncodeToString(sum.Sum(nil))[:12], nil
}

func (p program) make(ctx context.Context, path string) error {
	command := exec.CommandContext(ctx, "go", p.arguments(path, p.mustVersion())...)
	command.Dir = p.source
	// Static, so that it runs in an image without libraries; and independent of
	// what the caller has set for other modules.
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	output, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build: %w: %s", err, tail(output))
	}
	return nil
}

func (p program) mustVersion() string {
	version, err := moduleVersion(filepath.Join(p.source, p.modules()), p.module)
	if err != nil {
		return ""
	}
	return version
}

func (p program) arguments(path, version string) []string {
	linker := "-s -w"
	if p.versionFlag != "" {
		linker += " -X " + p.versionFlag + "=" + version
	}
	arguments := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags", linker, "-o", path}
	if p.tags != "" {
		arguments = append(arguments, "-tags="+p.tags)
	}
	if p.modfile != "" {
		arguments = append(arguments, "-modfile="+p.modfile)
	}
	return append(arguments, p.target)
}

// modules is the file that names the module's dependencies.
func (p program) modules() string { return cmp.Or(p.modfile, "go.mod") }

// moduleVersion reads the version of a required module. Crossfade's own
// programs have none.
func moduleVersion(file, module string) (string, error) {
	if module == "" {
		return "local", nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read module: %w", err)
	}
	parsed, err := modfile.ParseLax(file, content, nil)
	if err != nil {
		return "", fmt.Errorf("parse module: %w", err)
	}
	for _, required := range parsed.Require {
		if required.Mod.Path == module {
			return required.Mod.Version, nil
		}
	}
	return "", fmt.Errorf("find version of %s: %s does not require it", module, file)
}

// tail is the end of what a program printed, where its errors are.
func tail(output []byte) string {
	const most = 2000
	text := strings.TrimSpace(string(output))
	if len(text) > most {
		text = "..." + text[len(text)-most:]
	}
	return text
}
