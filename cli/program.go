// Package cli is kubectl crossfade: it shows Rollouts and Releases, and asks Releases for what people
// want. What is shown is drawn in package view, what is asked is decided in package control; here are
// the commands, the terminal and the writes.
package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/cli/control"
	"crossfade.io/crossfade/cli/feed"
	"crossfade.io/crossfade/cli/view"
)

// Program is what the commands need of the world.
type Program struct {
	Streams genericiooptions.IOStreams
	// Connect makes a client for the cluster that the flags choose.
	Connect func(genericclioptions.RESTClientGetter) (client.WithWatch, error)
	// Now tells the time.
	Now func() time.Time
	// Terminal describes the output. Nil means that it is none, but a pipe or a file.
	Terminal func() *Terminal
}

// Terminal is an output that a person looks at.
type Terminal struct {
	Width int
	Color bool
}

// session is one run of one command.
type session struct {
	Program
	config *genericclioptions.ConfigFlags
}

// Command returns the root command.
func (p Program) Command() *cobra.Command {
	s := &session{Program: p, config: genericclioptions.NewConfigFlags(true)}
	root := &cobra.Command{
		Use:   "kubectl-crossfade",
		Short: "See and steer progressive delivery with Crossfade",
		Long: "See and steer progressive delivery with Crossfade.\n\n" +
			"The native verbs drive a release as well: kubectl apply or set image begins one, kubectl rollout pause\n" +
			"holds it, kubectl rollout resume lets it go on, kubectl rollout undo goes back.",
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: control.Command},
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(p.Streams.In)
	root.SetOut(p.Streams.Out)
	root.SetErr(p.Streams.ErrOut)
	s.config.AddFlags(root.PersistentFlags())
	s.completeFlags(root)
	root.AddCommand(s.statusCommand(), s.analysisCommand(), s.calibrateCommand())
	root.AddCommand(s.controlCommands()...)
	root.AddCommand(s.workloadCommands()...)
	root.AddCommand(s.versionCommand())
	return root
}

// namespace is that of the flags, or of the kubeconfig's context.
func (s *session) namespace() (string, error) {
	namespace, _, err := s.config.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return "", fmt.Errorf("read kubeconfig: %w", err)
	}
	return namespace, nil
}

// connect returns a client, and the scope of one Rollout; all of the namespace if the name is empty.
func (s *session) connect(rollout string) (client.WithWatch, feed.Scope, error) {
	namespace, err := s.namespace()
	if err != nil {
		return nil, feed.Scope{}, err
	}
	c, err := s.Connect(s.config)
	return c, feed.Scope{Namespace: namespace, Name: rollout}, err
}

// screen is what frames are drawn on now; a terminal may have been resized.
func (s *session) screen() view.Screen {
	screen := view.Screen{Context: *s.config.Context}
	if t := s.terminal(); t != nil {
		screen.Width, screen.Color = t.Width, t.Color
	}
	return screen
}

func (s *session) terminal() *Terminal {
	if s.Terminal == nil {
		return nil
	}
	return s.Terminal()
}

// oneRollout requires exactly one name, and says what to type otherwise.
func (s *session) oneRollout(cmd *cobra.Command, args []string) error {
	if len(args) == 1 && args[0] != "" {
		return nil
	}
	mend := fmt.Sprintf("name one Rollout: %s %s ROLLOUT", control.Command, cmd.Name())
	if names := s.rolloutNames(cmd.Context()); len(names) > 0 {
		mend += "; there are: " + strings.Join(names, ", ")
	}
	return fmt.Errorf("%s: %s", cmd.Name(), mend)
}
