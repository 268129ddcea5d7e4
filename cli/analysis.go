package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/control"
	"crossfade.io/crossfade/cli/feed"
	"crossfade.io/crossfade/cli/reading"
	"crossfade.io/crossfade/cli/view"
)

type analysisFlags struct {
	watch, all bool
	html       string
}

func (s *session) analysisCommand() *cobra.Command {
	var flags analysisFlags
	cmd := &cobra.Command{
		Use:   "analysis NAME",
		Short: "Show the evidence on a Release: what it is judged by, how sure that is, and how it came to be",
		Long: "Show the evidence on a Release: what it is judged by, how sure that is, and how it came to be.\n" +
			"NAME is a Release, or a Rollout, which stands for its Release in flight or the last one.\n\n" +
			"--watch follows it live on a terminal, and elsewhere prints a frame whenever something changed.\n" +
			"--html FILE writes a page with plots that needs no network; with --all, FILE is a directory, and gets a page\n" +
			"for each Release of the Rollout that has ended.",
		Example: "  kubectl crossfade analysis checkout --watch\n  kubectl crossfade analysis checkout-4 --html checkout-4.html\n" +
			"  kubectl crossfade analysis checkout --html reports --all",
		Args:              s.oneName,
		ValidArgsFunction: s.completeRelease,
		RunE:              func(cmd *cobra.Command, args []string) error { return s.analysis(cmd, args[0], flags) },
	}
	cmd.Flags().BoolVarP(&flags.watch, "watch", "w", false, "follow it until q or Ctrl-C")
	cmd.Flags().StringVar(&flags.html, "html", "", "the file to write a page to, - for standard output; with --all, the directory")
	cmd.Flags().BoolVar(&flags.all, "all", false, "write a page for each ended Release of the Rollout")
	return cmd
}

// check refuses flags that don't go together.
func (f analysisFlags) check() error {
	switch {
	case f.all && f.html == "":
		return errors.New("analysis: --all needs the directory to write pages to: --html DIRECTORY --all")
	case f.watch && f.html != "":
		return errors.New("analysis: a page can't be watched; leave out --watch or --html")
	case f.all && f.html == "-":
		return errors.New("analysis: --all writes many pages; name a directory with --html")
	}
	return nil
}

func (s *session) analysis(cmd *cobra.Command, name string, flags analysisFlags) error {
	if err := flags.check(); err != nil {
		return err
	}
	c, scope, err := s.connect("")
	if err != nil {
		return err
	}
	snapshot, err := feed.Read(cmd.Context(), c, scope)
	if err != nil {
		return err
	}
	rel, err := judged(snapshot, scope.Namespace, name)
	if err != nil {
		return err
	}
	switch {
	case flags.all:
		return s.pages(snapshot, rel.Spec.Rollout.Name, flags.html)
	case flags.html != "":
		return s.page(rel, flags.html)
	case flags.watch:
		return s.watchEvidence(cmd.Context(), c, feed.Scope{Namespace: scope.Namespace, Name: rel.Spec.Rollout.Name}, name)
	}
	_, err = fmt.Fprint(s.Streams.Out, view.Analysis(rel, s.Now(), s.screen()))
	return err
}

// watchEvidence follows the Release of that name, or those of the Rollout, one after the other.
func (s *session) watchEvidence(ctx context.Context, c client.WithWatch, scope feed.Scope, name string) error {
	picture := func(snapshot feed.Snapshot, now time.Time, screen view.Screen) string {
		rel, err := judged(snapshot, scope.Namespace, name)
		if err != nil {
			return fmt.Sprintf("Release %s/%s was removed.\n", scope.Namespace, name)
		}
		return view.Analysis(rel, now, screen)
	}
	return s.watch(ctx, c, scope, picture, endless{})
}

// judged is the Release that a name means: that of the Rollout, or itself.
func judged(snapshot feed.Snapshot, namespace, name string) (*v1alpha1.Release, error) {
	for i := range snapshot.Rollouts {
		if rollout := &snapshot.Rollouts[i]; rollout.Name == name {
			if rel := reading.Last(rollout, snapshot.Releases); rel != nil {
				return rel, nil
			}
			return nil, fmt.Errorf("analysis of Rollout %s/%s: evidence is on Releases, and %s", namespace, name, reading.History(rollout, nil, time.Time{}))
		}
	}
	for i := range snapshot.Releases {
		if rel := &snapshot.Releases[i]; rel.Name == name {
			return rel, nil
		}
	}
	there := names(snapshot)
	if len(there) == 0 {
		return nil, fmt.Errorf("analysis of %s/%s: not found; namespace %s has no Rollouts, choose another one with -n", namespace, name, namespace)
	}
	return nil, fmt.Errorf("analysis of %s/%s: no Rollout or Release has that name; there are: %s", namespace, name, strings.Join(there, ", "))
}

// names are those of all Rollouts and Releases.
func names(snapshot feed.Snapshot) []string {
	var all []string
	for _, rollout := range snapshot.Rollouts {
		all = append(all, rollout.Name)
	}
	for _, rel := range snapshot.Releases {
		all = append(all, rel.Name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// oneName requires exactly one name, and says what to type otherwise.
func (s *session) oneName(cmd *cobra.Command, args []string) error {
	if len(args) == 1 && args[0] != "" {
		return nil
	}
	mend := fmt.Sprintf("name one Rollout or Release: %s %s NAME", control.Command, cmd.Name())
	if snapshot, ok := s.peek(cmd.Context(), ""); ok && len(snapshot.Rollouts) > 0 {
		mend += "; there are: " + strings.Join(names(snapshot), ", ")
	}
	return fmt.Errorf("%s: %s", cmd.Name(), mend)
}

// completeRelease offers Rollouts and Releases.
func (s *session) completeRelease(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	snapshot, _ := s.peek(cmd.Context(), "")
	return names(snapshot), cobra.ShellCompDirectiveNoFileComp
}
