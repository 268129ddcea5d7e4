package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// required are the programs of the machine that a cluster runs, each with the
// Debian package that brings it.
var required = []struct {
	file, pack string
	// node marks what only a real node needs.
	node bool
}{
	{file: "/sbin/ip", pack: "iproute2"},
	{file: "/usr/bin/containerd", pack: "containerd", node: true},
	{file: "/usr/bin/ctr", pack: "containerd", node: true},
	{file: "/usr/sbin/runc", pack: "runc", node: true},
	{file: "/usr/lib/cni/bridge", pack: "containernetworking-plugins", node: true},
	{file: "/usr/sbin/iptables", pack: "iptables", node: true},
	{file: "/usr/sbin/conntrack", pack: "conntrack", node: true},
	{file: "/usr/sbin/ethtool", pack: "ethtool", node: true},
	{file: "/usr/bin/socat", pack: "socat", node: true},
}

// servicePolicy is what Debian's packages ask before they start a service.
const servicePolicy = "/usr/sbin/policy-rc.d"

// denyServices is a policy that answers "never". Its comment tells it from the
// machine's own.
const denyServices = "#!/bin/sh\n# Written by crossfade's cluster build, for one installation.\nexit 101\n"

// ensurePackages installs what is missing, or says what is.
func ensurePackages(ctx context.Context, controlPlaneOnly bool, progress io.Writer) error {
	missing := missingPackages(controlPlaneOnly)
	if len(missing) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		return fmt.Errorf("find programs: install these packages first: %s", strings.Join(missing, " "))
	}
	return report(ctx, "machine: packages "+strings.Join(missing, " "), progress, func() error {
		return install(ctx, missing)
	})
}

func missingPackages(controlPlaneOnly bool) []string {
	var missing []string
	for _, need := range required {
		if need.node && controlPlaneOnly || exists(need.file) {
			continue
		}
		if len(missing) == 0 || missing[len(missing)-1] != need.pack {
			missing = append(missing, need.pack)
		}
	}
	return missing
}

// install runs apt-get with no service started: a system-wide containerd is
// none of the cluster's business.
func install(ctx context.Context, packages []string) (err error) {
	restore, err := denyServiceStarts()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, restore()) }()
	for _, argv := range [][]string{
		{"update"},
		append([]string{"install", "--yes", "--no-install-recommends"}, packages...),
	} {
		command := exec.CommandContext(ctx, "apt-get", argv...)
		command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w: %s", argv[0], err, tail(output))
		}
	}
	return nil
}

// denyServiceStarts puts a policy in place that forbids to start services, and
// returns how to restore the machine's own.
func denyServiceStarts() (restore func() error, err error) {
	saved := servicePolicy + ".crossfade-saved"
	own, err := os.ReadFile(servicePolicy)
	switch {
	case os.IsNotExist(err):
	case err != nil:
		return nil, fmt.Errorf("read service policy: %w", err)
	case string(own) == denyServices:
		// Left by an installation that was killed; what it saved is the machine's own.
	default:
		if err := os.Rename(servicePolicy, saved); err != nil {
			return nil, fmt.Errorf("save service policy: %w", err)
		}
	}
	if err := os.WriteFile(servicePolicy, []byte(denyServices), 0o755); err != nil {
		return nil, fmt.Errorf("write service policy: %w", err)
	}
	return func() error {
		err := os.Rename(saved, servicePolicy)
		if os.IsNotExist(err) {
			err = os.Remove(servicePolicy)
		}
		if err != nil {
			return fmt.Errorf("restore service policy: %w", err)
		}
		return nil
	}, nil
}
