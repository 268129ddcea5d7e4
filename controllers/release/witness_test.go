package release_test

import (
	"fmt"
	"strings"
	"testing"
)

// witness hears of the first thing that breaks in a world that is explored, and stops the move.
type witness struct{ testing.TB }

// violation is what a witness heard.
type violation struct{ what string }

// Helper marks no line: the story tells where it happened.
func (witness) Helper() {}

// Errorf stops the move.
func (witness) Errorf(format string, args ...any) { panic(violation{fmt.Sprintf(format, args...)}) }

// FailNow comes after Errorf.
func (witness) FailNow() { panic(violation{"it failed"}) }

// hears does something, and returns what broke by it; "" if nothing did.
func hears(do func()) (what string) {
	defer func() {
		switch broken := recover().(type) {
		case nil:
		case violation:
			what = broken.what
		default:
			what = fmt.Sprintf("panic: %v", broken)
		}
	}()
	do()
	return ""
}

// headline is the message of what a witness heard, without the lines that a test framework adds.
func headline(what string) string {
	var lines []string
	for line := range strings.Lines(what) {
		if text := strings.TrimSpace(line); text != "" && !strings.Contains(text, "Error Trace") && !strings.Contains(text, "_test.go:") {
			lines = append(lines, text)
		}
	}
	return strings.Join(lines, "\n")
}
