package cli

import (
	"errors"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/stretchr/testify/require"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/clitest"
	"crossfade.io/crossfade/cli/feed"
)

func newScreenful(end goal) (*screenful, *time.Time) {
	now := clitest.Now
	s := &session{
		Program: Program{Now: func() time.Time { return now }, Terminal: func() *Terminal { return &Terminal{Width: 80} }},
		config:  genericclioptions.NewConfigFlags(true),
	}
	scope := feed.Scope{Namespace: "shop", Name: "checkout"}
	return &screenful{session: s, scope: scope, picture: rollouts(scope), end: end}, &now
}

func snapshotOf(story string) feed.Snapshot {
	s := clitest.Stories()[story]
	return feed.Snapshot{Rollouts: []v1alpha1.Rollout{s.Rollout}, Releases: s.Releases}
}

func key(name string) tea.KeyMsg { return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(name)} }

func TestLiveClocksRun(t *testing.T) {
	m, now := newScreenful(endless{})
	require.Contains(t, m.View(), "Reading shop")
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 40})
	m.Update(snapshotOf("stepping-clock"))
	require.Contains(t, m.View(), "6m10s left of 10m")
	*now = now.Add(time.Second)
	_, again := m.Update(second(*now))
	require.NotNil(t, again, "the next second is waited for")
	require.Contains(t, m.View(), "6m9s left of 10m")
}

func TestLiveScrollsWhatDoesNotFit(t *testing.T) {
	m, _ := newScreenful(endless{})
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 12})
	m.Update(snapshotOf("stepping-clock"))
	require.Equal(t, 12, strings.Count(m.View(), "\n")+1)
	require.Contains(t, m.View(), "9 more lines below")
	m.Update(key("jjj"))
	require.Contains(t, m.View(), "6 more lines below, ↓ · 3 above")
	m.Update(tea.KeyMsg{Type: tea.KeyPgDown})
	m.Update(tea.KeyMsg{Type: tea.KeyPgDown})
	require.Contains(t, m.View(), "step first holds for 10m0s")
	m.Update(key("g"))
	require.Contains(t, m.View(), "Rollout shop/checkout")
}

func TestLiveKeepsTheLastFrameWhenTheConnectionIsLost(t *testing.T) {
	m, _ := newScreenful(endless{})
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 40})
	m.Update(snapshotOf("stepping-clock"))
	m.Update(feed.Snapshot{Err: errors.New("watch the cluster: connection refused")})
	require.Contains(t, m.View(), "HOLDING")
	require.Contains(t, m.View(), "connection lost, trying again: watch the cluster: connection refused")
	m.Update(snapshotOf("stepping-clock"))
	require.NotContains(t, m.View(), "connection lost")
}

func TestLiveQuits(t *testing.T) {
	for _, msg := range []tea.Msg{key("q"), tea.KeyMsg{Type: tea.KeyCtrlC}, tea.KeyMsg{Type: tea.KeyEsc}} {
		m, _ := newScreenful(endless{})
		_, cmd := m.Update(msg)
		require.NotNil(t, cmd)
		require.Equal(t, tea.QuitMsg{}, cmd())
	}
	m, _ := newScreenful(&release{now: time.Now})
	m.Update(snapshotOf("stepping-clock"))
	gone := snapshotOf("idle-armed")
	_, cmd := m.Update(gone)
	require.Equal(t, tea.QuitMsg{}, cmd())
	require.EqualError(t, m.err, "follow Release shop/checkout-4: it was removed before its outcome was seen")
}
