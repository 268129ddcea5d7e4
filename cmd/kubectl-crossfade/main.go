// Command kubectl-crossfade is the kubectl plugin of Crossfade: kubectl crossfade.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/term"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"crossfade.io/crossfade/cli"
)

func main() {
	// Libraries log; a terminal program tells the person itself.
	klog.SetLogger(logr.Discard())
	log.SetLogger(logr.Discard())
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "error: "+err.Error())
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	program := cli.Program{
		Streams:  genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr},
		Connect:  cli.Connect,
		Now:      time.Now,
		Terminal: terminal,
	}
	cmd := program.Command()
	// kubectl asks a program of this name for completions; a link to this one will do.
	if strings.HasPrefix(filepath.Base(os.Args[0]), "kubectl_complete-") {
		cmd.SetArgs(append([]string{"__complete"}, os.Args[1:]...))
	}
	return cmd.ExecuteContext(ctx)
}

// terminal describes standard output, or returns nil if nobody looks at it.
func terminal() *cli.Terminal {
	fd := int(os.Stdout.Fd())
	if !term.IsTerminal(fd) {
		return nil
	}
	width, _, err := term.GetSize(fd)
	if err != nil {
		width = 80
	}
	return &cli.Terminal{Width: width, Color: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}
