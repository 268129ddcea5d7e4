package main

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// spend uses so much processor time, however busy the machine is.
func spend(work time.Duration) error {
	if work <= 0 {
		return nil
	}
	// The clock is the thread's.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begun, err := spent()
	for now := begun; err == nil && now-begun < work; {
		now, err = spent()
	}
	return err
}

// spent is the processor time that this thread has used.
func spent() (time.Duration, error) {
	var clock unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &clock)
	return time.Duration(clock.Nano()), err
}
