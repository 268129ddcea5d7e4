package web

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/egress"
)

const secret = "s3cret-key"

func source(t *testing.T, config Config, answer http.HandlerFunc) *Source {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	config.Config = egress.Config{
		Address: server.URL + "/health?window=5m", Guard: egress.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		Credentials: egress.Credentials{Headers: map[string]string{"X-Api-Key": secret}},
	}
	made, err := New("web shop/health", config)
	require.NoError(t, err)
	return made
}

func TestValue(t *testing.T) {
	const answer = `{"errors": 3, "total": 12, "ok": true, "none": null, "by": [{"code": "500", "n": 2}], "` + secret + `": 1}`
	tests := map[string]struct {
		query string
		want  analysis.Value
		fails error
	}{
		"a number":                     {query: "body.errors", want: analysis.Value{Numbers: []analysis.Number{{Value: 3}}}},
		"a quotient":                   {query: "body.errors / body.total", want: analysis.Value{Numbers: []analysis.Number{{Value: 0.25}}}},
		"a count":                      {query: "size(body.by)", want: analysis.Value{Numbers: []analysis.Number{{Value: 1}}}},
		"of a list":                    {query: `body.by.filter(b, b.code == "500")[0].n`, want: analysis.Value{Numbers: []analysis.Number{{Value: 2}}}},
		"a yes":                        {query: "body.ok", want: analysis.Value{JSON: true}},
		"a list":                       {query: "body.by.map(b, b.code)", want: analysis.Value{JSON: []any{"500"}}},
		"a field that is not there":    {query: "body.missing", fails: analysis.ErrNoData},
		"an entry that is not there":   {query: "body.by[1].n", fails: analysis.ErrNoData},
		"null":                         {query: "body.none", fails: analysis.ErrNoData},
		"a division by 0":              {query: "body.errors / 0.0", fails: analysis.ErrNoData},
		"what doesn't fit":             {query: `body.by / 2`, fails: analysis.ErrRefused},
		"what is no expression":        {query: "body.errors +", fails: analysis.ErrRefused},
		"what JSON can't say":          {query: "type(body)", fails: analysis.ErrRefused},
		"an unknown name, of a secret": {query: "`" + secret + "`", fails: analysis.ErrRefused},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			made := source(t, Config{}, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) })
			got, err := made.Value(t.Context(), test.query, time.Time{})
			require.ErrorIs(t, err, test.fails)
			require.Equal(t, test.want, got)
			if err != nil {
				require.NotContains(t, err.Error(), secret)
				require.ErrorContains(t, err, "web shop/health")
			}
		})
	}
}

func TestRequest(t *testing.T) {
	for _, method := range []string{"", http.MethodGet, http.MethodPost} {
		var got *http.Request
		var body string
		made := source(t, Config{Method: method, Body: `{"of":"checkout"}`}, func(w http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			got, body = r, string(text)
			_, _ = io.WriteString(w, "1")
		})
		_, err := made.Value(t.Context(), "body", time.Time{})
		require.NoError(t, err)
		require.Equal(t, "/health?window=5m", got.URL.String())
		require.Equal(t, secret, got.Header.Get("X-Api-Key"))
		if method == http.MethodPost {
			require.JSONEq(t, `{"of":"checkout"}`, body)
			require.Equal(t, "application/json", got.Header.Get("Content-Type"))
			continue
		}
		require.Equal(t, http.MethodGet, got.Method)
		require.Empty(t, body)
	}
	_, err := New("web shop/health", Config{Method: http.MethodDelete})
	require.ErrorContains(t, err, "use GET or POST")
}

func TestNoAnswer(t *testing.T) {
	tests := map[string]struct {
		code int
		body string
		want error
	}{
		"a page for people": {200, "<html>" + secret, analysis.ErrUnreachable},
		"half of an answer": {200, `{"errors": `, analysis.ErrUnreachable},
		"no permission":     {403, secret, analysis.ErrRefused},
		"a broken server":   {500, secret, analysis.ErrUnreachable},
		"another address":   {404, secret, analysis.ErrRefused},
		"a large answer":    {200, `"` + strings.Repeat("a", 1<<20) + `"`, analysis.ErrRefused},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			made := source(t, Config{}, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.code)
				_, _ = io.WriteString(w, test.body)
			})
			_, err := made.Value(t.Context(), "body", time.Time{})
			require.ErrorIs(t, err, test.want)
			require.NotContains(t, err.Error(), secret)
		})
	}
}

// TestExpressionsThatTakeLong: an answer of half a million numbers is one that a source may give.
func TestExpressionsThatTakeLong(t *testing.T) {
	answer := "[0" + strings.Repeat(",0", 500_000) + "]"
	made := source(t, Config{}, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) })
	for query, want := range map[string]string{
		"body.exists(x, body.exists(y, y > 1.0)) ? 1 : 0": "its expression takes too long; make it simpler",
		"size(body.map(x, x + 1.0).map(x, x + 1.0))":      "its expression takes too long; make it simpler",
		"[1, 2, 3].map(i, body)":                          "the expression gives too much; have it give a number, or less",
		"[1, 2, 3].map(i, {'a': body})":                   "its expression handles too many values; make it simpler",
		// A list of a million million, made of twelve lists of ten.
		"[body[0]]" + strings.Repeat(".map(a, [a, a, a, a, a, a, a, a, a, a])", 12) + ".all(a, a == a) ? 1 : 0": "its expression handles too many values; make it simpler",
		"body.all(x, body == body && body == body && body == body && body == body && body == body) ? 1 : 0":     "its expression handles too many values; make it simpler",
		"[1, 2, 3].map(i, body + body + body).all(a, a == a) ? 1 : 0":                                           "its expression handles too many values; make it simpler",
	} {
		t.Run(query, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
			defer cancel()
			_, err := made.Value(ctx, query, time.Time{})
			require.ErrorIs(t, err, analysis.ErrRefused)
			require.ErrorContains(t, err, want)
			require.NoError(t, ctx.Err(), "it took longer than anybody waits")
		})
	}
}

// TestNobodyWaitsForAnExpression: answers of others are decoded while one is evaluated, however long that takes.
func TestNobodyWaitsForAnExpression(t *testing.T) {
	answer := "[0" + strings.Repeat(",0", 500_000) + "]"
	var asked time.Time
	made := source(t, Config{}, func(w http.ResponseWriter, _ *http.Request) {
		asked = time.Now()
		_, _ = io.WriteString(w, answer)
	})
	ended := make(chan error)
	go func() {
		_, err := made.Value(context.WithoutCancel(t.Context()), "body.exists(x, body.exists(y, y > 1.0)) ? 1 : 0", time.Time{})
		ended <- err
	}()
	longest := time.Duration(0)
	for {
		select {
		case err := <-ended:
			require.ErrorContains(t, err, "takes too long")
			require.Less(t, longest, time.Since(asked)/2, "others waited for what takes a second")
			return
		default:
			before, turn := time.Now(), egress.Turn{}
			require.NoError(t, turn.Begin(t.Context()))
			turn.End()
			longest = max(longest, time.Since(before))
		}
	}
}

// TestTurnThatDoesNotCome: who waits to decode an answer gives up in time.
func TestTurnThatDoesNotCome(t *testing.T) {
	made := source(t, Config{}, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "1") })
	turn := egress.Turn{}
	require.NoError(t, turn.Begin(t.Context()))
	defer turn.End()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := made.Value(ctx, "body", time.Time{})
	require.ErrorIs(t, err, analysis.ErrUnreachable)
	require.ErrorContains(t, err, "it gave no answer in time")
}
