package cli

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/feed"
	"crossfade.io/crossfade/cli/reading"
	"crossfade.io/crossfade/cli/view"
)

// picture draws a Snapshot, as of a time, on a screen.
type picture func(feed.Snapshot, time.Time, view.Screen) string

// watch follows the scope until the person has seen enough, or the goal is reached. On a terminal it redraws in place each
// second, elsewhere it prints a frame when something changed.
func (s *session) watch(ctx context.Context, c client.WithWatch, scope feed.Scope, picture picture, end goal) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	snapshots := feed.Watch(ctx, c, scope)
	if s.terminal() != nil {
		return s.live(ctx, scope, snapshots, picture, end)
	}
	return s.print(snapshots, picture, end)
}

// goal decides when a watch is over, and what it came to.
type goal interface {
	reached(feed.Snapshot) (bool, error)
}

type endless struct{}

func (endless) reached(feed.Snapshot) (bool, error) { return false, nil }

// release is the goal of seeing one Release end: the one in flight at the beginning, or one that is
// about to begin, or else the last one, which has ended.
type release struct {
	now  func() time.Time
	name string
	// looked says that a Release was about to begin, and before names the one that came before it.
	looked bool
	before string
}

func (g *release) reached(snapshot feed.Snapshot) (bool, error) {
	if snapshot.Err != nil {
		return false, nil
	}
	if len(snapshot.Rollouts) == 0 {
		return true, fmt.Errorf("follow Release %s: its Rollout was deleted", g.name)
	}
	rollout := &snapshot.Rollouts[0]
	if g.name == "" {
		last := reading.Last(rollout, snapshot.Releases)
		ended := last == nil || reading.Ended(last)
		switch {
		case ended && reading.AboutToRelease(rollout) && (!g.looked || g.before == nameOf(last)):
			g.looked, g.before = true, nameOf(last)
			return false, nil
		case last == nil:
			return true, fmt.Errorf("follow Rollout %s/%s: no Release is in flight; %s", rollout.Namespace, rollout.Name,
				reading.History(rollout, nil, g.now()))
		}
		g.name = last.Name
	}
	for i := range snapshot.Releases {
		if rel := &snapshot.Releases[i]; rel.Name == g.name {
			return reading.Ended(rel), verdict(rel)
		}
	}
	return true, fmt.Errorf("follow Release %s/%s: it was removed before its outcome was seen", rollout.Namespace, g.name)
}

func nameOf(rel *v1alpha1.Release) string {
	if rel == nil {
		return ""
	}
	return rel.Name
}

// verdict is nil for a promoted Release, or one that is in flight.
func verdict(rel *v1alpha1.Release) error {
	if !reading.Ended(rel) || rel.Status.Outcome == v1alpha1.OutcomePromoted {
		return nil
	}
	why := ""
	if cause := rel.Status.Progress.CauseMessage; cause != "" {
		why = ": " + cause
	}
	return fmt.Errorf("follow Release %s/%s: it ended as %s%s", rel.Namespace, rel.Name, rel.Status.Outcome, why)
}

// print writes a frame, under the time, whenever one would look different at the same time of day.
func (s *session) print(snapshots <-chan feed.Snapshot, picture picture, end goal) error {
	began := s.Now()
	last := ""
	for snapshot := range snapshots {
		if snapshot.Err != nil {
			if _, err := fmt.Fprintf(s.Streams.ErrOut, "warning: %v; trying again\n", snapshot.Err); err != nil {
				return err
			}
			continue
		}
		if frame := picture(snapshot, began, s.screen()); frame != last {
			gap := "\n"
			if last == "" {
				gap = ""
			}
			last = frame
			_, err := fmt.Fprintf(s.Streams.Out, "%s%s\n%s", gap, s.Now().Format(time.RFC3339), picture(snapshot, s.Now(), s.screen()))
			if err != nil {
				return err
			}
		}
		if over, err := end.reached(snapshot); over {
			return err
		}
	}
	return nil
}
