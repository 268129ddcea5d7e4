package suite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"crossfade.io/crossfade/e2e/load"
)

const (
	// capacity is how many requests a second all scenarios on this machine may send together, those of
	// other checkouts included; what is sent beyond would be late for want of processor time.
	capacity = 600
	// unit is how finely the capacity is shared, in requests a second.
	unit = 15
	// crowded is the part of the last ten seconds in which something waited for a processor, in percent, from which on a
	// scenario waits for others to end: on a slow machine the capacity is less.
	crowded = 85
	// freshInMesh is how many requests one on a fresh channel of the mesh counts as. The channel asks the control plane, and connects to
	// each pod: it was measured to take 14 ms of processor time, and a call on a kept one 1.2 ms.
	freshInMesh = 10
)

// costOf is what a load of these targets takes of the capacity, in requests a second.
func costOf(targets []load.Target) float64 {
	cost := 0.0
	for _, target := range targets {
		if target.Fresh && inMesh(target) {
			cost += freshInMesh * target.Rate
		} else {
			cost += target.Rate
		}
	}
	return cost
}

// reserve takes a part of the capacity, and waits until that much is free. It goes back by release, or
// when this process dies.
//
// Each unit is a byte of one file, locked by who has it. Byte 0 is the queue: its holder takes units until
// there are enough, so that of two who wait none keeps what the other lacks; and, unless it is alone, until the machine
// isn't crowded.
func reserve(ctx context.Context, rate float64) (release func(), err error) {
	file, err := os.OpenFile(filepath.Join(os.TempDir(), "crossfade-e2e.load"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the load's budget: %w", err)
	}
	release = func() { _ = file.Close() }
	need := min(int(rate+unit-1)/unit, capacity/unit)
	for !lock(file, 0) {
		if err := pause(ctx); err != nil {
			release()
			return nil, fmt.Errorf("wait for other scenarios: %w", err)
		}
	}
	mine := map[int64]bool{}
	for {
		for at := int64(1); at <= capacity/unit && len(mine) < need; at++ {
			if !mine[at] && lock(file, at) {
				mine[at] = true
			}
		}
		if len(mine) == need && (!crowdedNow() || alone(file)) {
			break
		}
		if err := pause(ctx); err != nil {
			release()
			return nil, fmt.Errorf("wait for %.0f requests a second: %w", rate, err)
		}
	}
	queue := unix.Flock_t{Type: unix.F_UNLCK, Len: 1}
	return release, unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &queue)
}

// lock takes a byte, and says whether it could.
func lock(file *os.File, at int64) bool {
	wanted := unix.Flock_t{Type: unix.F_WRLCK, Start: at, Len: 1}
	return unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &wanted) == nil
}

// alone says whether nobody else has a part of the capacity.
func alone(file *os.File) bool {
	others := unix.Flock_t{Type: unix.F_WRLCK, Start: 1, Len: capacity / unit}
	return unix.FcntlFlock(file.Fd(), unix.F_OFD_GETLK, &others) == nil && others.Type == unix.F_UNLCK
}

// crowdedNow asks the kernel; one that does not measure it is never crowded.
func crowdedNow() bool {
	pressure, err := os.ReadFile("/proc/pressure/cpu")
	var average float64
	if _, scanErr := fmt.Sscanf(string(pressure), "some avg10=%f", &average); err != nil || scanErr != nil {
		return false
	}
	return average > crowded
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(100 * time.Millisecond):
		return nil
	}
}
