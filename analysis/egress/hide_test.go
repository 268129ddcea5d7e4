package egress

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestQuote: what a source says is passed on without what it was sent, also where one secret is part of another.
func TestQuote(t *testing.T) {
	credentials := Credentials{Username: "bob", Password: "bob-hunter2", Headers: map[string]string{"X-Key": "hunter2"}}
	require.Equal(t, "no *** with *** and *** here", credentials.Quote("no bob with bob-hunter2\nand hunter2 here"))
	require.Equal(t, "a ]0;title [2J of a terminal", Credentials{}.Quote("a\x1b]0;title\x07\x1b[2J of\u009b a terminal"), "nothing that a terminal obeys")
	odd := Credentials{Bearer: `a"b<c&d /\`}
	for _, said := range []string{`{"token":"a\"b<c&d /\\"}`, `{"token":"a\"b<c&d \/\\"}`, `{"token":"a\"b\u003cc\u0026d /\\"}`, `a%22b%3Cc%26d+%2F%5C`, `a%22b%3Cc&d%20%2F%5C`, `a"b<c&d /\`} {
		got := odd.Quote(said)
		require.Contains(t, got, "***", said)
		require.NotContains(t, got, "b", said)
	}
}
