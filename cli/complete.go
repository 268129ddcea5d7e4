package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/control"
	"crossfade.io/crossfade/cli/feed"
	"crossfade.io/crossfade/cli/reading"
)

// completionTime bounds what a Tab may take.
const completionTime = 3 * time.Second

// completeRollout offers the names of the Rollouts in the namespace.
func (s *session) completeRollout(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return s.rolloutNames(cmd.Context()), cobra.ShellCompDirectiveNoFileComp
}

// completeStep offers the steps of the Release in flight that ask for approval.
func (s *session) completeStep(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return s.ofRelease(cmd, args[0], control.Approvable)
}

// completeGoTo offers Rollouts, and then the steps of the Release in flight.
func (s *session) completeGoTo(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return s.completeRollout(cmd, args, typed)
	case 1:
		return s.ofRelease(cmd, args[0], control.StepNames)
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// ofRelease offers what names a Rollout's Release in flight has.
func (s *session) ofRelease(cmd *cobra.Command, rollout string, names func(*v1alpha1.Release) []string) ([]string, cobra.ShellCompDirective) {
	snapshot, ok := s.peek(cmd.Context(), rollout)
	if !ok || len(snapshot.Rollouts) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	rel := reading.InFlight(&snapshot.Rollouts[0], snapshot.Releases)
	if rel == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return names(rel), cobra.ShellCompDirectiveNoFileComp
}

// rolloutNames lists the Rollouts of the namespace; none if they can't be read.
func (s *session) rolloutNames(ctx context.Context) []string {
	snapshot, _ := s.peek(ctx, "")
	names := make([]string, 0, len(snapshot.Rollouts))
	for _, r := range snapshot.Rollouts {
		names = append(names, r.Name)
	}
	return names
}

// peek reads for help only: it is quick, or it is nothing.
func (s *session) peek(ctx context.Context, rollout string) (feed.Snapshot, bool) {
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, stop := context.WithTimeout(ctx, completionTime)
	defer stop()
	c, scope, err := s.connect(rollout)
	if err != nil {
		return feed.Snapshot{}, false
	}
	snapshot, err := feed.Read(ctx, c, scope)
	return snapshot, err == nil
}

// completeFlags offers the kubeconfig's contexts.
func (s *session) completeFlags(root *cobra.Command) {
	_ = root.RegisterFlagCompletionFunc("context", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		raw, err := s.config.ToRawKubeConfigLoader().RawConfig()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names := make([]string, 0, len(raw.Contexts))
		for name := range raw.Contexts {
			names = append(names, name)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
}
