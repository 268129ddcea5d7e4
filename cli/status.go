package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/feed"
	"crossfade.io/crossfade/cli/reading"
	"crossfade.io/crossfade/cli/view"
)

const untilEnded = "ended"

type statusFlags struct {
	watch, allNamespaces bool
	output, until        string
}

func (s *session) statusCommand() *cobra.Command {
	var flags statusFlags
	cmd := &cobra.Command{
		Use:   "status [ROLLOUT]",
		Short: "Show what a Rollout does and waits for, and why",
		Long: "Show what a Rollout does and waits for, and why; without ROLLOUT, all of the namespace.\n\n" +
			"--watch follows it live on a terminal, and elsewhere prints a frame whenever something changed.\n" +
			"--until ended follows the Release in flight to its end, or the last one if none is in flight: exit code 0 if\n" +
			"it was promoted, 1 otherwise.",
		Example: "  kubectl crossfade status\n  kubectl crossfade status checkout --watch\n" +
			"  kubectl crossfade status checkout --until ended",
		Args:              func(_ *cobra.Command, args []string) error { return flags.check(args) },
		ValidArgsFunction: s.completeRollout,
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.status(cmd, args, flags)
		},
	}
	cmd.Flags().BoolVarP(&flags.watch, "watch", "w", false, "follow it until q or Ctrl-C")
	cmd.Flags().StringVar(&flags.until, "until", "", `follow it and exit by itself; "ended": when the Release has ended`)
	cmd.Flags().StringVarP(&flags.output, "output", "o", "tree", "tree, json or yaml")
	cmd.Flags().BoolVarP(&flags.allNamespaces, "all-namespaces", "A", false, "show the Rollouts of all namespaces")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"tree", "json", "yaml"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("until", cobra.FixedCompletions([]string{untilEnded}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// check refuses flags that don't go together.
func (f statusFlags) check(args []string) error {
	switch {
	case len(args) > 1:
		return errors.New("status: name one Rollout, or none for all")
	case f.output != "tree" && f.output != "json" && f.output != "yaml":
		return fmt.Errorf("status: output %q is unknown; use tree, json or yaml", f.output)
	case f.until != "" && f.until != untilEnded:
		return fmt.Errorf("status: --until %s is unknown; use --until %s", f.until, untilEnded)
	case f.until != "" && len(args) == 0:
		return errors.New("status: --until needs the name of one Rollout")
	case f.allNamespaces && len(args) > 0:
		return errors.New("status: --all-namespaces goes without the name of a Rollout")
	case f.output != "tree" && (f.watch || f.until != ""):
		return fmt.Errorf("status: -o %s cannot be watched; use kubectl get rollouts.crossfade.io,releases.crossfade.io --watch", f.output)
	}
	return nil
}

func (s *session) status(cmd *cobra.Command, args []string, flags statusFlags) error {
	c, scope, err := s.connect(append(args, "")[0])
	if err != nil {
		return err
	}
	if flags.allNamespaces {
		scope.Namespace = ""
	}
	snapshot, err := feed.Read(cmd.Context(), c, scope)
	if err != nil {
		return err
	}
	if flags.watch || flags.until != "" {
		var end goal = endless{}
		if flags.until == untilEnded {
			end = &release{now: s.Now}
		}
		return s.watch(cmd.Context(), c, scope, rollouts(scope), end)
	}
	if flags.output != "tree" {
		return s.printObjects(snapshot, flags.output)
	}
	_, err = fmt.Fprint(s.Streams.Out, rollouts(scope)(snapshot, s.Now(), s.screen()))
	return err
}

// rollouts draws all Rollouts of a Snapshot.
func rollouts(scope feed.Scope) picture {
	return func(snapshot feed.Snapshot, now time.Time, screen view.Screen) string {
		if len(snapshot.Rollouts) == 0 {
			return nothing(scope)
		}
		return view.Frames(models(snapshot), now, screen)
	}
}

func nothing(scope feed.Scope) string {
	switch {
	case scope.Name != "":
		return fmt.Sprintf("Rollout %s/%s was deleted.\n", scope.Namespace, scope.Name)
	case scope.Namespace == "":
		return "No Rollouts in the cluster.\n"
	}
	return fmt.Sprintf("No Rollouts in namespace %s.\n", scope.Namespace)
}

func models(snapshot feed.Snapshot) []view.Model {
	all := make([]view.Model, 0, len(snapshot.Rollouts))
	for _, r := range snapshot.Rollouts {
		all = append(all, view.Of(r, snapshot.Releases))
	}
	return all
}

// printObjects prints each Rollout and the Release that a frame would show, as a list of API objects.
func (s *session) printObjects(snapshot feed.Snapshot, format string) error {
	items := []any{}
	for _, r := range snapshot.Rollouts {
		r.TypeMeta = metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Rollout"}
		r.ManagedFields = nil
		items = append(items, r)
		if last := reading.Last(&r, snapshot.Releases); last != nil {
			rel := last.DeepCopy()
			rel.TypeMeta = metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Release"}
			rel.ManagedFields = nil
			items = append(items, *rel)
		}
	}
	list := map[string]any{"apiVersion": "v1", "kind": "List", "items": items}
	text, err := json.MarshalIndent(list, "", "  ")
	if err == nil && format == "yaml" {
		text, err = yaml.JSONToYAML(text)
	}
	if err != nil {
		return fmt.Errorf("encode status: %w", err)
	}
	_, err = fmt.Fprintln(s.Streams.Out, string(text))
	return err
}
