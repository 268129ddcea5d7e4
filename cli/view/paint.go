package view

import (
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
)

// tone is what a colour means.
type tone int

const (
	plain tone = iota
	good
	busy
	waits
	bad
	quiet
)

// paint colours words, or leaves them as they are. It uses the terminal's own sixteen colours, which
// its owner has chosen to be readable.
type paint struct{ styles map[tone]lipgloss.Style }

func newPaint(color bool) paint {
	profile := termenv.Ascii
	if color {
		profile = termenv.ANSI
	}
	r := lipgloss.NewRenderer(io.Discard)
	r.SetColorProfile(profile)
	return paint{styles: map[tone]lipgloss.Style{
		plain: r.NewStyle().Bold(true),
		good:  r.NewStyle().Foreground(lipgloss.Color("2")),
		busy:  r.NewStyle().Foreground(lipgloss.Color("6")),
		waits: r.NewStyle().Foreground(lipgloss.Color("3")),
		bad:   r.NewStyle().Foreground(lipgloss.Color("1")),
		quiet: r.NewStyle().Faint(true),
	}}
}

// in colours each word by itself, so that a line may be broken at any blank.
func (p paint) in(t tone, s string) string {
	words := strings.Split(s, " ")
	for i, word := range words {
		if word != "" {
			words[i] = p.styles[t].Render(word)
		}
	}
	return strings.Join(words, " ")
}

func (p paint) bold(s string) string  { return p.in(plain, s) }
func (p paint) faint(s string) string { return p.in(quiet, s) }

// bar draws a share of 0 to 1 in that many columns. What is more than nothing can be seen.
func (p paint) bar(t tone, share float64, columns int) string {
	full := int(math.Round(min(max(share, 0), 1) * float64(columns)))
	if share > 0 && full == 0 {
		full = 1
	}
	if share < 1 && full == columns {
		full--
	}
	return p.in(t, strings.Repeat("█", full)) + p.faint(strings.Repeat("░", columns-full))
}

// shareOf reads a percentage such as "25%"; false if it is none.
func shareOf(percent string) (float64, bool) {
	f, err := strconv.ParseFloat(strings.TrimSuffix(percent, "%"), 64)
	if err != nil || !strings.HasSuffix(percent, "%") {
		return 0, false
	}
	return f / 100, true
}
