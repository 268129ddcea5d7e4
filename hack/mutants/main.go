// Command mutants puts deliberate bugs into the product, one at a time, and requires that exploration and
// fault injection find each of them: make mutants. The sources are left alone: a bug is an overlay of the build.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// mutant is one bug: in file, from becomes to.
type mutant struct {
	Name, File, From, To string
	// Imports is a package that the change needs; empty if none.
	Imports string
	// By is what is to find it: explore or faults.
	By string
}

// finders are the commands that are to find a bug, with the folder that they run in.
var finders = map[string]struct {
	folder string
	args   []string
}{
	"explore": {".", []string{
		"test", "-count=1", "-failfast", "-run", "^(TestExplore|TestRandomWalks)$", "./controllers/release",
		"-worlds", "^(writes that fail|judged|judged in time|there and back|called over TLS|probed|mirrored|sticky)$", "-faults", "1", "-deeds", "0", "-walks", "1500",
	}},
	"deeds": {".", []string{
		"test", "-count=1", "-failfast", "-run", "^TestExplore$", "./controllers/release", "-worlds", "^taken back by hand$", "-deeds", "2",
	}},
	"faults": {"e2e", []string{
		"test", "-count=1", "-failfast", "-p", "1", "-parallel", "6", "-timeout", "15m",
		"-run", "^(TestFence|TestFaults|TestKilledAtEachWrite|TestLaggingCaches)$", "./api", "./api/live",
	}},
}

func main() {
	only := flag.String("run", "", "only the mutants whose name has this in it")
	by := flag.String("by", "", "only the mutants that this is to find: explore, deeds or faults")
	flag.Parse()
	if err := run(context.Background(), *only, *by); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// read returns the mutants of the checkout at root.
func read(root string) ([]mutant, error) {
	text, err := os.ReadFile(filepath.Join(root, "hack/mutants/mutants.yaml"))
	if err != nil {
		return nil, err
	}
	var mutants []mutant
	if err := yaml.UnmarshalStrict(text, &mutants); err != nil {
		return nil, fmt.Errorf("read mutants.yaml: %w", err)
	}
	for _, m := range mutants {
		if _, known := finders[m.By]; !known {
			return nil, fmt.Errorf("mutant %q: nothing finds by %q; say explore, deeds or faults", m.Name, m.By)
		}
	}
	return mutants, nil
}

func run(ctx context.Context, only, by string) error {
	mutants, err := read(".")
	if err != nil {
		return err
	}
	tried, found, whole := 0, 0, map[string]bool{}
	for _, m := range mutants {
		if !strings.Contains(m.Name, only) || by != "" && m.By != by {
			continue
		}
		if !whole[m.By] {
			if out, err := m.find(ctx, "").CombinedOutput(); err != nil {
				return fmt.Errorf("without any mutant, %s fails, so that it finds nothing: %s", m.By, out)
			}
			whole[m.By] = true
		}
		noticed, err := m.try(ctx)
		if err != nil {
			return fmt.Errorf("mutant %q: %w", m.Name, err)
		}
		tried++
		verdict := "NOT FOUND"
		if noticed {
			found++
			verdict = "found"
		}
		fmt.Fprintf(os.Stdout, "%-9s  %s\n", verdict, m.Name)
	}
	fmt.Fprintf(os.Stdout, "mutants %d, found %d\n", tried, found)
	if found < tried {
		return errors.New("not all were found")
	}
	return nil
}

// try builds with the bug and says whether it was noticed.
func (m mutant) try(ctx context.Context) (bool, error) {
	scratch, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return false, err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	overlay, err := m.overlay(scratch)
	if err != nil {
		return false, err
	}
	if out, err := command(ctx, overlay, ".", "build", "./...").CombinedOutput(); err != nil {
		return false, fmt.Errorf("it does not build, which proves nothing: %s", out)
	}
	out, err := m.find(ctx, overlay).CombinedOutput()
	var failed *exec.ExitError
	switch {
	case err == nil:
		return false, nil
	case !errors.As(err, &failed):
		return false, err
	case !strings.Contains(string(out), "--- FAIL"):
		return false, fmt.Errorf("the tests did not run: %s", out)
	}
	return true, nil
}

// find is the command that is to find the bug; an overlay of none is the product as it is.
func (m mutant) find(ctx context.Context, overlay string) *exec.Cmd {
	finder := finders[m.By]
	return command(ctx, overlay, finder.folder, finder.args...)
}

// overlay writes the file with the bug, and returns the path of what tells the go command about it.
func (m mutant) overlay(scratch string) (string, error) {
	path, err := filepath.Abs(m.File)
	if err != nil {
		return "", err
	}
	source, err := os.ReadFile(path) //nolint:gosec // mutants.yaml names it
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), m.From); n != 1 {
		return "", fmt.Errorf("what it exchanges stands %d times in %s; mend hack/mutants/mutants.yaml", n, m.File)
	}
	mutated := strings.Replace(string(source), m.From, m.To, 1)
	if m.Imports != "" {
		mutated = strings.Replace(mutated, "import (\n", fmt.Sprintf("import (\n\t%q\n", m.Imports), 1)
	}
	replacement, overlay := filepath.Join(scratch, "mutant.go"), filepath.Join(scratch, "overlay.json")
	if err := os.WriteFile(replacement, []byte(mutated), 0o600); err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{path: replacement}})
	if err != nil {
		return "", err
	}
	return overlay, os.WriteFile(overlay, text, 0o600)
}

// command is the go command with the bug in all that it builds, and in what it runs builds.
func command(ctx context.Context, overlay, folder string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // the arguments are those above
	cmd.Dir = folder
	cmd.Env = os.Environ()
	if overlay != "" {
		cmd.Env = append(cmd.Env, "GOFLAGS=-overlay="+overlay)
	}
	return cmd
}
