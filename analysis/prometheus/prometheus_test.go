package prometheus

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/egress"
)

const secret = "s3cret-token"

var at = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// double answers as Prometheus would.
func double(t *testing.T, answer http.HandlerFunc) *Source {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	source, err := New("prometheus shop/main", egress.Config{
		Address: server.URL + "/prometheus", Timeout: 300 * time.Millisecond, MaxBytes: 4096,
		Guard:       egress.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		Credentials: egress.Credentials{Bearer: secret, Headers: map[string]string{"X-Scope-OrgID": "team-a"}},
	})
	require.NoError(t, err)
	return source
}

// says is an answer of success.
func says(kind, result string, more ...string) string {
	return fmt.Sprintf(`{"status":"success","data":{"resultType":%q,"result":%s}%s}`, kind, result, strings.Join(more, ""))
}

func always(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func TestSamples(t *testing.T) {
	t.Run("asks for what is stored, and says who asks", func(t *testing.T) {
		var query, evaluated, path string
		var headers http.Header
		source := double(t, func(w http.ResponseWriter, r *http.Request) {
			query, evaluated, path, headers = r.FormValue("query"), r.FormValue("time"), r.URL.Path, r.Header.Clone()
			_, _ = io.WriteString(w, says("matrix", `[{"metric":{"__name__":"requests_total","code":"200"},"values":[[1767268680,"1"],[1767268695,"2"],[1767268800,"9"]]}]`))
		})
		got, err := source.Samples(t.Context(), `requests_total{code="200"}`, at.Add(-2*time.Minute), at)
		require.NoError(t, err)
		require.Equal(t, `requests_total{code="200"}[120000ms]`, query)
		require.Equal(t, strconv.FormatInt(at.Unix(), 10), evaluated)
		require.Equal(t, "/prometheus/api/v1/query", path)
		require.Equal(t, "Bearer "+secret, headers.Get("Authorization"))
		require.Equal(t, "team-a", headers.Get("X-Scope-OrgID"))
		require.Equal(t, []analysis.Series{{
			Labels:  map[string]string{"__name__": "requests_total", "code": "200"},
			Samples: []analysis.Sample{{Time: at.Add(-105 * time.Second), Value: 2}, {Time: at, Value: 9}},
		}}, got, "one at the very start is of the range before")
	})
	t.Run("a long range is asked for in parts", func(t *testing.T) {
		var asked []string
		source := double(t, func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.FormValue("query")+" "+r.FormValue("time"))
			_, _ = io.WriteString(w, says("matrix", fmt.Sprintf(`[{"metric":{"code":"200"},"values":[[%s,"1"]]}]`, r.FormValue("time"))))
		})
		got, err := source.Samples(t.Context(), "requests_total", at.Add(-90*time.Minute), at)
		require.NoError(t, err)
		require.Equal(t, []string{"requests_total[3600000ms] 1767267000", "requests_total[1800000ms] 1767268800"}, asked)
		require.Len(t, got, 1)
		require.Len(t, got[0].Samples, 2)
	})
	t.Run("native histograms", func(t *testing.T) {
		source := double(t, always(http.StatusOK, says("matrix", `[{"metric":{},"histograms":[[1767268800,{"count":"5","sum":"7.5","buckets":[[0,"1","2","3"],[0,"2","4","2"]]}]]}]`)))
		got, err := source.Samples(t.Context(), "latency_seconds", at.Add(-time.Minute), at)
		require.NoError(t, err)
		require.Equal(t, &analysis.NativeHistogram{
			Count: 5, Buckets: []analysis.NativeBucket{{Lower: 1, Upper: 2, Count: 3}, {Lower: 2, Upper: 4, Count: 2}},
		}, got[0].Samples[0].Histogram)
	})
	t.Run("none is no error, for there is no counter of errors before the first", func(t *testing.T) {
		got, err := double(t, always(http.StatusOK, says("matrix", `[]`))).Samples(t.Context(), "errors_total", at.Add(-time.Minute), at)
		require.NoError(t, err)
		require.Empty(t, got)
	})
}

// TestSamplesThatAreMany: what is too much for one answer is asked for by parts, and all of it is there once.
func TestSamplesThatAreMany(t *testing.T) {
	for name, tooMany := range map[string]http.HandlerFunc{
		"the answer is too large":    always(200, says("matrix", "["+strings.Repeat(" ", 5000)+"]")),
		"Prometheus has its own say": always(422, `{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory"}`),
	} {
		t.Run(name, func(t *testing.T) {
			source := double(t, func(w http.ResponseWriter, r *http.Request) {
				long, err := time.ParseDuration(strings.Trim(r.FormValue("query"), "up[]"))
				if err != nil || long > 20*time.Minute {
					tooMany(w, r)
					return
				}
				end, _ := strconv.ParseFloat(r.FormValue("time"), 64)
				_, _ = io.WriteString(w, says("matrix", fmt.Sprintf(`[{"metric":{"__name__":"up"},"values":[[%f,"1"]]}]`, end)))
			})
			got, err := source.Samples(t.Context(), "up", at.Add(-100*time.Minute), at)
			require.NoError(t, err)
			require.Len(t, got, 1)
			require.Len(t, got[0].Samples, 7, "15 minutes each: %v", got[0].Samples)
			require.Equal(t, at, got[0].Samples[6].Time)
		})
	}
}

// TestSamplesThatAreTooMany: parts that are small enough are too much together, and no more is asked for.
func TestSamplesThatAreTooMany(t *testing.T) {
	for name, answer := range map[string]func(part int) string{
		"samples": func(part int) string {
			at := 1767268800 - 3600*(11-part)
			return `{"metric":{"__name__":"up"},"values":[` + strings.Repeat(fmt.Sprintf(`[%d,"1"],`, at), mostSamples/4) + fmt.Sprintf(`[%d,"1"]]}`, at)
		},
		"series": func(part int) string {
			all := make([]string, mostSeries/4+1)
			for n := range all {
				all[n] = fmt.Sprintf(`{"metric":{"__name__":"up","pod":"%d-%d"},"values":[[%d,"1"]]}`, part, n, 1767268800-3600*(11-part))
			}
			return strings.Join(all, ",")
		},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, says("matrix", "["+answer(asked)+"]"))
				asked++
			}))
			defer server.Close()
			source, err := New("prometheus shop/main", egress.Config{
				Address: server.URL, Guard: egress.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
			})
			require.NoError(t, err)
			_, err = source.Samples(t.Context(), "up", at.Add(-12*time.Hour), at)
			require.ErrorIs(t, err, egress.ErrTooLarge)
			require.ErrorContains(t, err, "its answers are over 400000 samples or 20000 series; select fewer series or a shorter time")
			require.Equal(t, 4, asked)
		})
	}
}

// TestAnswersAreDecodedAlone: an answer that has come waits while another one is decoded.
func TestAnswersAreDecodedAlone(t *testing.T) {
	var asked sync.WaitGroup
	asked.Add(1)
	source := double(t, func(w http.ResponseWriter, _ *http.Request) {
		defer asked.Done()
		_, _ = io.WriteString(w, says("vector", `[{"metric":{},"value":[1767268800,"1"]}]`))
	})
	turn := egress.Turn{}
	require.NoError(t, turn.Begin(t.Context()))
	defer turn.End()
	answered := make(chan error)
	go func() {
		_, err := source.Value(context.WithoutCancel(t.Context()), "up", at)
		answered <- err
	}()
	asked.Wait()
	server := httptest.NewServer(always(200, ""))
	defer server.Close()
	for range 20 {
		response, err := server.Client().Get(server.URL)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
	select {
	case err := <-answered:
		require.Fail(t, "it was decoded beside another one", "%v", err)
	default:
	}
	turn.End()
	require.NoError(t, <-answered)
}

// TestSeriesThatIsNothing: a proxy may answer anything that is JSON.
func TestSeriesThatIsNothing(t *testing.T) {
	_, err := double(t, always(200, says("matrix", `[null]`))).Samples(t.Context(), "up", at.Add(-time.Minute), at)
	require.ErrorContains(t, err, "not of the query API")
}

func TestValue(t *testing.T) {
	tests := map[string]struct {
		answer string
		want   []analysis.Number
		fails  error
	}{
		"a scalar":             {answer: says("scalar", `[1767268800,"0.25"]`), want: []analysis.Number{{Value: 0.25}}},
		"a vector":             {answer: says("vector", `[{"metric":{"code":"500"},"value":[1767268800,"3"]},{"metric":{"code":"503"},"value":[1767268800,"4"]}]`), want: []analysis.Number{{Labels: map[string]string{"code": "500"}, Value: 3}, {Labels: map[string]string{"code": "503"}, Value: 4}}},
		"an empty vector":      {answer: says("vector", `[]`), fails: analysis.ErrNoData},
		"0 divided by 0":       {answer: says("vector", `[{"metric":{},"value":[1767268800,"NaN"]},{"metric":{},"value":[1767268800,"+Inf"]}]`), fails: analysis.ErrNoData},
		"ranges":               {answer: says("matrix", `[]`), fails: analysis.ErrRefused},
		"histograms":           {answer: says("vector", `[{"metric":{},"histogram":[1767268800,{"count":"1","sum":"1","buckets":[]}]}]`), fails: analysis.ErrRefused},
		"nothing, as a number": {answer: says("vector", `[null]`), fails: analysis.ErrUnreachable},
		"a part, as of Thanos": {answer: says("vector", `[{"metric":{},"value":[1767268800,"3"]}]`, `,"warnings":["store 10.0.0.7 is down"]`), fails: analysis.ErrNoData},
		"a remark":             {answer: says("vector", `[{"metric":{},"value":[1767268800,"3"]}]`, `,"infos":["metric might not be a counter"]`), want: []analysis.Number{{Labels: map[string]string{}, Value: 3}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := double(t, always(http.StatusOK, test.answer)).Value(t.Context(), "up", at)
			require.ErrorIs(t, err, test.fails)
			require.Equal(t, test.want, got.Numbers)
		})
	}
}

func TestNoAnswer(t *testing.T) {
	trouble := func(code int, kind, message string) http.HandlerFunc {
		text, err := json.Marshal(map[string]string{"status": "error", "errorType": kind, "error": message})
		require.NoError(t, err)
		return always(code, string(text))
	}
	tests := map[string]struct {
		answer http.HandlerFunc
		reason error
		says   string
	}{
		"a query that is wrong":     {trouble(400, "bad_data", `1:5: parse error near "`+secret+`"`), analysis.ErrRefused, `as it says: 1:5: parse error near "***"`},
		"a query that is too large": {trouble(422, "execution", "query processing would load too many samples"), analysis.ErrRefused, "too many samples"},
		"a query of two meanings":   {trouble(422, "execution", "found duplicate series for the match group {} on the right hand-side of the operation"), analysis.ErrRefused, "correct the query"},
		"a store of Thanos is down": {
			trouble(422, "execution", "expanding series: proxy Series(): rpc error: code = Unavailable desc = connection refused"), analysis.ErrUnreachable, "stores is down",
		},
		"a query that takes long":     {trouble(422, "timeout", "query timed out"), analysis.ErrUnreachable, "too long"},
		"Prometheus is starting":      {trouble(503, "unavailable", "not ready "+secret), analysis.ErrUnreachable, "503"},
		"a proxy has no Prometheus":   {always(502, "<html>bad gateway "+secret), analysis.ErrUnreachable, "502"},
		"no credentials":              {always(401, secret), analysis.ErrRefused, "401"},
		"credentials of someone else": {always(403, secret), analysis.ErrRefused, "403"},
		"another address":             {always(404, "not found"), analysis.ErrRefused, "404"},
		"asked too often":             {always(429, "slow down"), analysis.ErrUnreachable, "429"},
		"a page for people":           {always(200, "<html>log in "+secret), analysis.ErrUnreachable, "not of the query API"},
		"JSON that ends early":        {always(200, says("vector", `[]`)[:40]), analysis.ErrUnreachable, "cut off"},
		"another shape":               {always(200, says("vector", `{"`+secret+`":1}`)), analysis.ErrUnreachable, "not of the query API"},
		"trouble without a word":      {trouble(422, "server_error", ""), analysis.ErrUnreachable, "not of the query API"},
		"a connection that breaks": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"status":`)
		}, analysis.ErrUnreachable, "broke"},
		"no answer in time": {func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body) // else the server doesn't see that the client has gone
			<-r.Context().Done()
		}, analysis.ErrUnreachable, "in time"},
		"an answer too large": {always(200, says("vector", "["+strings.Repeat(" ", 5000)+"]")), analysis.ErrRefused, "over 4096 bytes"},
		"a redirect to metadata": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		}, analysis.ErrRefused, "another host"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			source := double(t, test.answer)
			_, value := source.Value(t.Context(), "up", at)
			_, samples := source.Samples(t.Context(), "up", at.Add(-time.Minute), at)
			for _, err := range []error{value, samples} {
				require.ErrorIs(t, err, test.reason)
				require.ErrorContains(t, err, test.says)
				require.ErrorContains(t, err, "prometheus shop/main")
				require.NotContains(t, err.Error(), secret)
				require.NotContains(t, err.Error(), "\n")
				var sentence *analysis.SourceError
				require.ErrorAs(t, err, &sentence)
				require.NotEmpty(t, sentence.Mend)
			}
		})
	}

	t.Run("nothing listens", func(t *testing.T) {
		server := httptest.NewServer(nil)
		server.Close()
		source, err := New("prometheus shop/main", egress.Config{Address: server.URL, Guard: egress.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}})
		require.NoError(t, err)
		_, err = source.Value(t.Context(), "up", at)
		require.ErrorContains(t, err, "nothing listens")
	})
	t.Run("an address with a password", func(t *testing.T) {
		_, err := New("prometheus shop/main", egress.Config{Address: "http://a:" + secret + "@prometheus.test"})
		require.ErrorContains(t, err, "prometheus shop/main: address")
		require.NotContains(t, err.Error(), secret)
	})
}

// TestTurnThatDoesNotCome: who waits to decode an answer gives up in time.
func TestTurnThatDoesNotCome(t *testing.T) {
	turn := egress.Turn{}
	require.NoError(t, turn.Begin(t.Context()))
	defer turn.End()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := double(t, always(200, says("vector", `[{"metric":{},"value":[1767268800,"1"]}]`))).Value(ctx, "up", at)
	require.ErrorIs(t, err, analysis.ErrUnreachable)
	require.ErrorContains(t, err, "it gave no answer in time")
}
