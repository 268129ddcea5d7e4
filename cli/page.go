package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/feed"
	"crossfade.io/crossfade/cli/reading"
	"crossfade.io/crossfade/cli/report"
)

// page writes the report on a Release to a file, or to standard output.
func (s *session) page(rel *v1alpha1.Release, file string) error {
	var text bytes.Buffer
	if err := report.Write(&text, rel, s.Now()); err != nil {
		return err
	}
	if file == "-" {
		_, err := s.Streams.Out.Write(text.Bytes())
		return err
	}
	if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write the report on Release %s/%s: %w", rel.Namespace, rel.Name, err)
	}
	_, err := fmt.Fprintf(s.Streams.Out, "Wrote %s.\n", file)
	return err
}

// pages writes one for each Release of the Rollout that has ended; those of before, which may be gone by now, stay.
func (s *session) pages(snapshot feed.Snapshot, rollout, directory string) error {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return fmt.Errorf("write reports on Releases of Rollout %s: %w", rollout, err)
	}
	written := 0
	for i := range snapshot.Releases {
		rel := &snapshot.Releases[i]
		if rel.Spec.Rollout.Name != rollout || !reading.Ended(rel) {
			continue
		}
		if err := s.page(rel, filepath.Join(directory, rel.Name+".html")); err != nil {
			return err
		}
		written++
	}
	if written == 0 {
		_, err := fmt.Fprintf(s.Streams.Out, "No Release of Rollout %s has ended.\n", rollout)
		return err
	}
	return nil
}
