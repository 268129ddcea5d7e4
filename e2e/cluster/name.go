package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// moduleFile marks the root of a checkout: the go.mod of the end-to-end module.
const moduleFile = "e2e/go.mod"

var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

// DefaultName is the cluster of a checkout: short, and different for two
// checkouts, for the two modes and for each number of nodes, so that all of them
// can run at once.
func DefaultName(checkout string, controlPlaneOnly bool, nodes int) string {
	sum := sha256.Sum256([]byte(checkout))
	name := hex.EncodeToString(sum[:4])
	if nodes > 1 {
		name += fmt.Sprintf("-n%d", nodes)
	}
	if controlPlaneOnly {
		name += "-cp"
	}
	return name
}

// DefaultNames are those of all clusters that a checkout may have.
func DefaultNames(checkout string) []string {
	var names []string
	for nodes := 1; nodes <= mostNodes; nodes++ {
		for _, controlPlaneOnly := range []bool{false, true} {
			names = append(names, DefaultName(checkout, controlPlaneOnly, nodes))
		}
	}
	return names
}

// CheckName refuses names that do not fit in a path, a cgroup or a socket address.
func CheckName(name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("check cluster name %q: want 1 to 32 lower-case letters, digits and inner dashes", name)
	}
	return nil
}

// FindCheckout returns the absolute path of the checkout that holds dir.
func FindCheckout(dir string) (string, error) {
	start, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find checkout: %w", err)
	}
	if start, err = filepath.EvalSymlinks(start); err != nil {
		return "", fmt.Errorf("find checkout: %w", err)
	}
	for at := start; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, moduleFile)); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("find checkout: no %s in %s or above; run this in a checkout of Crossfade", moduleFile, start)
		}
	}
}
