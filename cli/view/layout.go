package view

import (
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
)

// node is one entry of the tree. Its text is wrapped beside its lead.
type node struct {
	lead, text string
	// tail follows the text and is never broken, so that it can be copied: where it doesn't fit it gets
	// a line of its own.
	tail string
	// right stands at the right edge, or on a line of its own where it doesn't fit.
	right string
	// rows are drawn under the node without connectors, kids with them.
	rows, kids []node
}

// draw returns the tree as lines of at most that many columns.
func (p paint) draw(root node, columns int) string {
	var out strings.Builder
	p.drawAt(&out, root, "", "", columns)
	return out.String()
}

func (p paint) drawAt(out *strings.Builder, n node, first, rest string, columns int) {
	under := rest
	if len(n.kids) > 0 {
		under = rest + p.faint("│") + "  "
	}
	prefix := first
	lines := n.lines(columns - lipgloss.Width(first))
	if len(lines) > 1 {
		lines = n.lines(columns - max(lipgloss.Width(first), lipgloss.Width(under)))
	}
	for _, line := range lines {
		out.WriteString(strings.TrimRight(prefix+line, " ") + "\n")
		prefix = under
	}
	for _, row := range n.rows {
		p.drawAt(out, row, under, under, columns)
	}
	for i, kid := range n.kids {
		if i == len(n.kids)-1 {
			p.drawAt(out, kid, rest+p.faint("└─")+" ", rest+"   ", columns)
		} else {
			p.drawAt(out, kid, rest+p.faint("├─")+" ", rest+p.faint("│")+"  ", columns)
		}
	}
}

// narrow is how many columns a text needs beside its lead; with less it goes below.
const narrow = 20

// lines lays the node's own words out in that many columns.
func (n node) lines(columns int) []string {
	lead, right := lipgloss.Width(n.lead), lipgloss.Width(n.right)
	if columns-lead < min(narrow, lipgloss.Width(n.text)) {
		under := node{lead: "    ", text: n.text, tail: n.tail, right: n.right}
		return append([]string{n.lead}, under.lines(columns)...)
	}
	room := max(columns-lead, 1)
	if n.tail != "" {
		whole := node{lead: n.lead, text: n.text + n.tail}
		if lipgloss.Width(whole.text) <= room {
			return []string{whole.lead + whole.text}
		}
		own := node{lead: n.lead, text: strings.TrimRight(n.text, " ")}
		return append(own.lines(columns), strings.Repeat(" ", lead+2)+n.tail)
	}
	if n.right != "" && lipgloss.Width(n.text)+2+right <= room {
		gap := room - lipgloss.Width(n.text) - right
		return []string{n.lead + n.text + strings.Repeat(" ", gap) + n.right}
	}
	var lines []string
	indent := n.lead
	for _, line := range wrap(n.text, room) {
		lines = append(lines, indent+line)
		indent = strings.Repeat(" ", lead)
	}
	if n.right == "" {
		return lines
	}
	if room := columns - lipgloss.Width(lines[len(lines)-1]) - right; room >= 2 {
		lines[len(lines)-1] += strings.Repeat(" ", room) + n.right
		return lines
	}
	for _, line := range wrap(n.right, columns) {
		lines = append(lines, strings.Repeat(" ", max(columns-lipgloss.Width(line), 0))+line)
	}
	return lines
}

// wrap breaks a text at blanks, so that names stay whole, and within a word only if it is wider than
// the room by itself.
func wrap(text string, room int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Split(text, " ") {
		if line != "" && lipgloss.Width(line)+1+lipgloss.Width(word) > room {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
		if lipgloss.Width(line) > room {
			parts := strings.Split(ansi.Hardwrap(line, room, true), "\n")
			lines, line = append(lines, parts[:len(parts)-1]...), parts[len(parts)-1]
		}
	}
	return append(lines, line)
}

// pad fills a cell with blanks up to a width.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(width-lipgloss.Width(s), 0))
}

// aligned pads the leads of rows to the widest.
func aligned(rows []node) []node {
	leads := make([]string, 0, len(rows))
	for _, row := range rows {
		leads = append(leads, row.lead)
	}
	for i := range rows {
		rows[i].lead = pad(rows[i].lead, widest(leads)) + "  "
	}
	return rows
}

// widest returns the width of the widest of the cells.
func widest(cells []string) int {
	width := 0
	for _, cell := range cells {
		width = max(width, lipgloss.Width(cell))
	}
	return width
}
