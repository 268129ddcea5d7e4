package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"

	"crossfade.io/crossfade/cli/feed"
)

// live runs the terminal program, and leaves its last frame behind on the terminal.
func (s *session) live(ctx context.Context, scope feed.Scope, snapshots <-chan feed.Snapshot, picture picture, end goal) error {
	program := tea.NewProgram(&screenful{session: s, scope: scope, snapshots: snapshots, picture: picture, end: end},
		tea.WithContext(ctx), tea.WithInput(s.Streams.In), tea.WithOutput(s.Streams.Out), tea.WithAltScreen(), tea.WithoutSignalHandler())
	last, err := program.Run()
	if errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("draw on the terminal: %w", err)
	}
	m := last.(*screenful)
	if m.seen {
		if _, err := fmt.Fprint(s.Streams.Out, picture(m.snapshot, s.Now(), s.screen())); err != nil {
			return err
		}
	}
	return m.err
}

// screenful is the terminal program: the latest Snapshot, drawn each second.
type screenful struct {
	session   *session
	scope     feed.Scope
	snapshots <-chan feed.Snapshot
	picture   picture
	end       goal

	snapshot feed.Snapshot
	seen     bool
	lost     error
	err      error
	height   int
	top      int
}

type second time.Time

// Init begins to listen and to tick.
func (m *screenful) Init() tea.Cmd { return tea.Batch(m.next, tick()) }

func (m *screenful) next() tea.Msg {
	snapshot, open := <-m.snapshots
	if !open {
		return tea.QuitMsg{}
	}
	return snapshot
}

func tick() tea.Cmd {
	return tea.Tick(time.Second, func(t time.Time) tea.Msg { return second(t) })
}

// Update takes in what happened.
func (m *screenful) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case second:
		return m, tick()
	case tea.WindowSizeMsg:
		m.height = msg.Height
	case feed.Snapshot:
		if m.lost = msg.Err; msg.Err == nil {
			m.snapshot, m.seen = msg, true
		}
		over, err := m.end.reached(msg)
		if over {
			m.err = err
			return m, tea.Quit
		}
		return m, m.next
	case tea.KeyMsg:
		if msg.Type != tea.KeyRunes {
			return m, m.key(msg.String())
		}
		// A key that is held down may come as one message of many runes.
		var cmd tea.Cmd
		for _, r := range msg.Runes {
			if cmd = m.key(string(r)); cmd != nil {
				break
			}
		}
		return m, cmd
	}
	return m, nil
}

func (m *screenful) key(name string) tea.Cmd {
	switch name {
	case "q", "esc", "ctrl+c":
		return tea.Quit
	case "down", "j":
		m.top++
	case "up", "k":
		m.top--
	case "pgdown", " ":
		m.top += m.height - 2
	case "pgup":
		m.top -= m.height - 2
	case "home", "g":
		m.top = 0
	}
	return nil
}

// View draws what fits, with a line at the bottom that says what else there is.
func (m *screenful) View() string {
	if !m.seen && m.lost == nil {
		return "Reading " + m.scope.Namespace + " …\n"
	}
	lines := strings.Split(strings.TrimRight(m.picture(m.snapshot, m.session.Now(), m.session.screen()), "\n"), "\n")
	if !m.seen {
		lines = nil
	}
	room := max(m.height-2, 1)
	m.top = min(max(m.top, 0), max(len(lines)-room, 0))
	shown := lines[m.top:min(m.top+room, len(lines))]
	return strings.Join(shown, "\n") + "\n\n" + m.footer(len(lines)-m.top-len(shown))
}

func (m *screenful) footer(below int) string {
	r := lipgloss.NewStyle()
	if t := m.session.terminal(); t != nil && t.Color {
		r = r.Faint(true)
	}
	text := m.session.Now().Format("15:04:05") + " · q quits"
	if below > 0 {
		text += fmt.Sprintf(" · %d more lines below, ↓", below)
	}
	if m.top > 0 {
		text += fmt.Sprintf(" · %d above, ↑", m.top)
	}
	if m.lost != nil {
		text += " · connection lost, trying again: " + m.lost.Error()
	}
	return r.Render(text)
}
