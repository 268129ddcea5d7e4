package datadog

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/egress"
)

const apiKey, applicationKey = "s3cret-api", "s3cret-application"

var at = time.Unix(1767268800, 0)

func source(t *testing.T, answer http.HandlerFunc) *Source {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	made, err := New("datadog shop/main", Config{
		Config: egress.Config{Address: server.URL + "/", Guard: egress.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}},
		APIKey: apiKey, ApplicationKey: applicationKey,
	})
	require.NoError(t, err)
	return made
}

func TestRequest(t *testing.T) {
	var got *http.Request
	made := source(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		_, _ = io.WriteString(w, `{"status":"ok","error":"","series":[{"metric":"trace.hits","tag_set":["env:prod","version:2"],"interval":20,"pointlist":[[1767268740000,3],[1767268760000,4.5],[1767268780000,null],[1767268790000,1],[1767268800000,0]]}]}`)
	})
	value, err := made.Value(t.Context(), "sum:trace.hits{env:prod} by {version}.as_count()", at)
	require.NoError(t, err)
	require.Equal(t, []analysis.Number{{Labels: map[string]string{"__name__": "trace.hits", "env": "prod", "version": "2"}, Value: 4.5}}, value.Numbers, "the last point that is there, of those whose time has ended")
	require.Equal(t, "/api/v1/query", got.URL.Path)
	require.Equal(t, "sum:trace.hits{env:prod} by {version}.as_count()", got.URL.Query().Get("query"))
	require.Equal(t, []string{"1767268500", "1767268800"}, []string{got.URL.Query().Get("from"), got.URL.Query().Get("to")})
	require.Equal(t, []string{apiKey, applicationKey}, []string{got.Header.Get("DD-API-KEY"), got.Header.Get("DD-APPLICATION-KEY")})
}

// TestRollups: the newest point that has ended is found, however long it is of.
func TestRollups(t *testing.T) {
	for query, period := range map[string]int64{
		"sum:a{*}.as_count()":                                       20,
		"sum:a{*}.as_count().rollup(sum, 300)":                      300,
		"sum:a{*}.rollup(sum,60) / sum:b{*}.rollup(sum, 3600)":      3600,
		"p99:latency{service:shop}.rollup(900)":                     900,
		"moving_rollup(sum:a{*}.as_count().rollup(60), 600, 'sum')": 60,
	} {
		t.Run(query, func(t *testing.T) {
			made := source(t, func(w http.ResponseWriter, r *http.Request) {
				from, err := strconv.ParseInt(r.URL.Query().Get("from"), 10, 64)
				if err != nil {
					t.Error(err)
				}
				to, _ := strconv.ParseInt(r.URL.Query().Get("to"), 10, 64)
				points := []string{}
				for begins := (from + period - 1) / period * period; begins <= to; begins += period {
					points = append(points, fmt.Sprintf("[%d,%d]", 1000*begins, begins))
				}
				_, _ = fmt.Fprintf(w, `{"status":"ok","series":[{"metric":"a","interval":%d,"pointlist":[%s]}]}`, period, strings.Join(points, ","))
			})
			for _, later := range []int64{0, 1, period / 2, period - 1} {
				value, err := made.Value(t.Context(), query, at.Add(time.Duration(later)*time.Second))
				require.NoError(t, err, "%d s into a period", later)
				require.InDelta(t, at.Unix()-period, value.Numbers[0].Value, 0)
			}
		})
	}
	_, err := source(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"status":"ok","series":[]}`)
	}).Value(t.Context(), "sum:a{*}.rollup(sum, 300)", at)
	require.ErrorContains(t, err, "no point in the last 17m0s; see whether its metrics are reported so often, or have a longer .rollup() in the query")
}

func TestNoAnswer(t *testing.T) {
	tests := map[string]struct {
		code int
		body string
		want error
	}{
		"no series":                 {200, `{"status":"ok","series":[]}`, analysis.ErrNoData},
		"no points":                 {200, `{"status":"ok","series":[{"metric":"a","pointlist":[[1767268800000,null]]}]}`, analysis.ErrNoData},
		"points not ended":          {200, `{"status":"ok","series":[{"metric":"a","interval":60,"pointlist":[[1767268760000,1]]}]}`, analysis.ErrNoData},
		"a query that is wrong":     {200, `{"status":"error","error":"Rule 'scope' didn't match ` + apiKey + `"}`, analysis.ErrRefused},
		"a query that can't be":     {400, `{"errors":["` + applicationKey + `"]}`, analysis.ErrRefused},
		"keys that don't count":     {403, `{"errors":["Forbidden ` + apiKey + `"]}`, analysis.ErrRefused},
		"asked too often":           {429, `{"errors":["Rate limit"]}`, analysis.ErrUnreachable},
		"a broken server":           {502, apiKey, analysis.ErrUnreachable},
		"an answer of someone else": {200, "<html>" + apiKey, analysis.ErrUnreachable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := source(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.code)
				_, _ = io.WriteString(w, test.body)
			}).Value(t.Context(), "avg:a{*}", at)
			require.ErrorIs(t, err, test.want)
			require.ErrorContains(t, err, "datadog shop/main")
			require.NotContains(t, err.Error(), apiKey)
			require.NotContains(t, err.Error(), applicationKey)
		})
	}
	_, err := New("datadog shop/main", Config{Config: egress.Config{Address: "https://api.datadoghq.com"}, APIKey: apiKey})
	require.ErrorContains(t, err, "give both")
	require.NotContains(t, err.Error(), apiKey)
}

// TestTurnThatDoesNotCome: who waits to decode an answer gives up in time.
func TestTurnThatDoesNotCome(t *testing.T) {
	turn := egress.Turn{}
	require.NoError(t, turn.Begin(t.Context()))
	defer turn.End()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	made := source(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"status":"ok","series":[]}`)
	})
	_, err := made.Value(ctx, "sum:a{*}", at)
	require.ErrorIs(t, err, analysis.ErrUnreachable)
	require.ErrorContains(t, err, "it gave no answer in time")
}
