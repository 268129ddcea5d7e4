package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lock takes the folder of all clusters for a change to one of them. It is a
// lock on the folder itself, so that no lock file is left behind, and the
// kernel drops it when its holder dies. It is never held while a cluster boots.
func lock(ctx context.Context) (unlock func(), err error) {
	for {
		if err := os.MkdirAll(root(), 0o755); err != nil {
			return nil, fmt.Errorf("create folder: %w", err)
		}
		dir, err := os.Open(root())
		if errors.Is(err, os.ErrNotExist) {
			continue // The last cluster went, and its folder with it.
		}
		if err != nil {
			return nil, fmt.Errorf("open folder: %w", err)
		}
		err = unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil && isCurrent(dir) {
			return func() { _ = dir.Close() }, nil
		}
		_ = dir.Close()
		if err != nil && !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", root(), err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("lock %s: %w", root(), ctx.Err())
		case <-time.After(pollInterval):
		}
	}
}

// isCurrent reports whether an open folder is still the one at its path, and
// not one that was removed between opening and locking it.
func isCurrent(dir *os.File) bool {
	opened, err := dir.Stat()
	if err != nil {
		return false
	}
	current, err := os.Stat(dir.Name())
	return err == nil && os.SameFile(opened, current)
}
