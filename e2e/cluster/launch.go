package cluster

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// SuperviseCommand is the hidden command that runs Supervise.
const SuperviseCommand = "supervise"

// launch starts the supervisor in namespaces of its own. At whatever moment
// this process is killed, the supervisor either is in the cluster's control
// group, where Down finds it, or ends by itself: until it is there it waits at
// a gate that only a living launcher can open.
func (c Cluster) launch(ctx context.Context, spec Spec) error {
	apiListener, err := listen()
	if err != nil {
		return err
	}
	defer apiListener.Close()
	gatewayListener, err := listen()
	if err != nil {
		return err
	}
	defer gatewayListener.Close()
	spec.APIPort = port(apiListener)
	if !spec.ControlPlaneOnly {
		spec.HTTPPort = port(gatewayListener)
	}
	if err := c.prepare(spec); err != nil {
		return err
	}
	if err := c.group.Create(spec.otherNodes()...); err != nil {
		return err
	}
	if !spec.ControlPlaneOnly { // beside a control plane alone it is the controller that must keep up, which is no part of it
		c.group.Prefer()
	}
	gateRead, gateWrite, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("create gate: %w", err)
	}
	defer gateWrite.Close()
	defer gateRead.Close()
	files := []*os.File{gateRead}
	for _, listener := range []*net.TCPListener{apiListener, gatewayListener} {
		file, err := listener.File()
		if err != nil {
			return fmt.Errorf("pass listener on: %w", err)
		}
		defer file.Close()
		files = append(files, file)
	}
	pid, err := c.startSupervisor(files)
	if err != nil {
		return err
	}
	if err := c.group.Add(pid); err != nil {
		return err
	}
	if err := writeFile(c.pidFile(), []byte(strconv.Itoa(pid))); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := gateWrite.Write([]byte{1}); err != nil {
		return fmt.Errorf("open gate: %w", err)
	}
	return nil
}

// startSupervisor starts this very program again. files become its descriptors
// from gateFile on.
func (c Cluster) startSupervisor(files []*os.File) (pid int, err error) {
	program, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("find own program: %w", err)
	}
	log, err := os.OpenFile(c.path("logs", "supervisor.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, fmt.Errorf("open log: %w", err)
	}
	defer log.Close()
	// Not bound to the context: it outlives the launcher.
	command := exec.Command(program, SuperviseCommand, "--name", c.name)
	command.Dir = "/"
	command.Env = []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + c.path("tmp"),
		"TMPDIR=" + c.path("tmp"),
		stateVariable + "=" + root(),
	}
	command.Stdout, command.Stderr = log, log
	command.ExtraFiles = files
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC,
		Setsid:     true,
	}
	if err := command.Start(); err != nil {
		return 0, fmt.Errorf("start supervisor: %w", err)
	}
	// Reaped here in case it dies first, so that it counts as gone.
	go func() { _ = command.Wait() }()
	return command.Process.Pid, nil
}

func listen() (*net.TCPListener, error) {
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, fmt.Errorf("listen on loopback: %w", err)
	}
	return listener, nil
}

func port(listener *net.TCPListener) int {
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return 0
	}
	return address.Port
}
