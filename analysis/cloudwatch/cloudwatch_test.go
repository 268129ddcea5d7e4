package cloudwatch

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/egress"
)

const keyID, secretKey, token = "AKIAs3cretid", "s3cret-key", "s3cret-session"

var at = time.Unix(1767268800, 0)

func source(t *testing.T, answer http.HandlerFunc) *Source {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	made, err := New("cloudwatch shop/main", Config{
		Config: egress.Config{Address: server.URL, Guard: egress.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}},
		Region: "eu-central-1", AccessKeyID: keyID, SecretAccessKey: secretKey, SessionToken: token,
	})
	require.NoError(t, err)
	return made
}

// says answers in the protocol that CloudWatch has for its SDKs.
func says(code int, value cbor.Map) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		w.Header().Set("Content-Type", "application/cbor")
		w.WriteHeader(code)
		_, _ = w.Write(cbor.Encode(value))
	}
}

// result has the values of minutes, the newest of which began 40 s ago.
func result(status string, values ...float64) cbor.Map {
	list, times := cbor.List{}, cbor.List{}
	for i, v := range values {
		list = append(list, cbor.Float64(v))
		times = append(times, &cbor.Tag{ID: 1, Value: cbor.Float64(at.Unix() - 40 - 60*int64(i))})
	}
	return cbor.Map{"MetricDataResults": cbor.List{cbor.Map{
		"Id": cbor.String("q"), "Label": cbor.String("errors"), "StatusCode": cbor.String(status), "Values": list, "Timestamps": times,
	}}}
}

func failure(kind, message string) cbor.Map {
	return cbor.Map{"__type": cbor.String("com.amazonaws.cloudwatch#" + kind), "message": cbor.String(message)}
}

func TestValue(t *testing.T) {
	var got *http.Request
	var asked cbor.Map
	made := source(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		value, err := cbor.Decode(body)
		if err == nil {
			asked, _ = value.(cbor.Map)
		}
		got = r
		says(http.StatusOK, result("Complete", 1, 3, 2))(w, r)
	})
	value, err := made.Value(t.Context(), "SELECT SUM(Errors) FROM shop", at)
	require.NoError(t, err)
	require.Equal(t, []analysis.Number{{Labels: map[string]string{"id": "q", "label": "errors"}, Value: 3}}, value.Numbers, "the newest of those that have ended")
	require.Contains(t, got.URL.Path, "GetMetricData")
	require.Contains(t, got.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="+keyID+"/")
	require.Contains(t, got.Header.Get("Authorization"), "/eu-central-1/monitoring/aws4_request")
	require.Equal(t, token, got.Header.Get("X-Amz-Security-Token"))
	require.NotContains(t, got.Header.Get("Authorization"), secretKey)
	queries := asked["MetricDataQueries"].(cbor.List)
	require.Equal(t, cbor.String("SELECT SUM(Errors) FROM shop"), queries[0].(cbor.Map)["Expression"])
	for field, want := range map[string]time.Time{"StartTime": at.Add(-5 * time.Minute), "EndTime": at} {
		require.Equal(t, &cbor.Tag{ID: 1, Value: cbor.Float64(want.Unix())}, asked[field], "it is asked for that time, whenever that is")
	}

	value, err = made.Value(t.Context(), `[{"Id":"m1","MetricStat":{"Metric":{"Namespace":"shop","MetricName":"Errors"},"Period":120,"Stat":"Sum"}},{"Id":"q","Expression":"m1 * 2"}]`, at)
	require.NoError(t, err)
	require.InDelta(t, 2, value.Numbers[0].Value, 0, "an expression is of the periods of the others")

	_, err = made.Value(t.Context(), `[{"Id":"m1","MetricStat":{"Metric":{"Namespace":"AWS/ApplicationELB","MetricName":"HTTPCode_Target_5XX_Count"},"Period":60,"Stat":"Sum"}}]`, at)
	require.NoError(t, err)
	stat := asked["MetricDataQueries"].(cbor.List)[0].(cbor.Map)["MetricStat"].(cbor.Map)
	require.Equal(t, cbor.String("Sum"), stat["Stat"])
}

// counting answers as CloudWatch does, for each period that began in the time that is asked for, the present one too; what was counted
// in the last 90 s isn't there yet. A value is when its period began.
func counting(t *testing.T, id string, period int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		value, err := cbor.Decode(body)
		if err != nil {
			t.Error(err)
			return
		}
		second := func(name string) int64 { return int64(value.(cbor.Map)[name].(*cbor.Tag).Value.(cbor.Float64)) }
		const late = 90
		end := second("EndTime") - late
		list, times := cbor.List{}, cbor.List{}
		for begins := end / period * period; begins >= second("StartTime"); begins -= period {
			list, times = append(list, cbor.Float64(begins)), append(times, &cbor.Tag{ID: 1, Value: cbor.Float64(begins)})
		}
		says(http.StatusOK, cbor.Map{"MetricDataResults": cbor.List{cbor.Map{
			"Id": cbor.String(id), "Label": cbor.String("errors"), "StatusCode": cbor.String("Complete"), "Values": list, "Timestamps": times,
		}}})(w, r)
	}
}

// TestPeriods: whatever the period, and whenever in it is asked, the newest one that has ended is found.
func TestPeriods(t *testing.T) {
	const stat = `{"Id":"m1","MetricStat":{"Metric":{"Namespace":"shop","MetricName":"Errors"},"Period":%d,"Stat":"Sum"}}`
	const searching = `SEARCH('{shop,Service} Errors', 'Sum', %d)`
	for name, test := range map[string]struct{ query, id string }{
		"a metric":            {"[" + stat + "]", "m1"},
		"an expression on it": {"[" + stat + `,{"Id":"e1","Expression":"m1 * 2"}]`, "e1"},
		"a search":            {"SUM(" + searching + ")", "q"},
		"a search in a list":  {`[{"Id":"e1","Expression":"` + searching + `"}]`, "e1"},
	} {
		for _, period := range []int64{10, 60, 300, 3600} {
			t.Run(fmt.Sprintf("%s by %d s", name, period), func(t *testing.T) {
				made := source(t, counting(t, test.id, period))
				for _, later := range []int64{0, 1, period / 2, period - 1} {
					now := at.Unix() + later
					value, err := made.Value(t.Context(), fmt.Sprintf(test.query, period), time.Unix(now, 0))
					require.NoError(t, err, "%d s into a period", later)
					begins := int64(value.Numbers[0].Value)
					require.LessOrEqual(t, begins+period, now)
					require.Less(t, now-begins-period, max(period, 90+period))
				}
			})
		}
	}
	_, err := source(t, says(200, result("Complete"))).Value(t.Context(), fmt.Sprintf("["+stat+"]", 300), at)
	require.ErrorContains(t, err, "cloudwatch shop/main: the query gives no value in the last 17m0s; see whether its metrics are reported so often, or have a longer Period in the query")
}

func TestNoAnswer(t *testing.T) {
	more := result("Complete", 1)
	more["NextToken"] = cbor.String("more")
	tests := map[string]struct {
		answer http.HandlerFunc
		want   error
	}{
		"no values":                 {says(200, result("Complete")), analysis.ErrNoData},
		"a minute that goes on":     {says(200, result("Complete", 1)), analysis.ErrNoData},
		"a part":                    {says(200, result("PartialData", 1)), analysis.ErrNoData},
		"several pages":             {says(200, more), analysis.ErrNoData},
		"keys that don't count":     {says(403, failure("InvalidClientTokenId", "token "+keyID+" "+secretKey)), analysis.ErrRefused},
		"keys that may not ask":     {says(403, failure("AccessDeniedException", keyID)), analysis.ErrRefused},
		"a query that is wrong":     {says(400, failure("ValidationError", "bad "+secretKey+" "+token+" "+keyID)), analysis.ErrRefused},
		"asked too often":           {says(400, failure("Throttling", "rate exceeded")), analysis.ErrUnreachable},
		"a broken server":           {says(500, failure("InternalServiceFault", secretKey)), analysis.ErrUnreachable},
		"an answer of someone else": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>"+secretKey) }, analysis.ErrUnreachable},
		"a redirect to metadata": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		}, analysis.ErrRefused},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := source(t, test.answer).Value(t.Context(), "SELECT 1", at)
			require.ErrorIs(t, err, test.want)
			require.ErrorContains(t, err, "cloudwatch shop/main")
			for _, secret := range []string{keyID, secretKey, token} {
				require.NotContains(t, err.Error(), secret)
			}
		})
	}

	t.Run("a query that can't be read is not sent", func(t *testing.T) {
		made := source(t, func(http.ResponseWriter, *http.Request) { t.Error("it was asked") })
		for _, query := range []string{`[{"Idd":"m1"}]`, `[{"Id":`} {
			_, err := made.Value(t.Context(), query, at)
			require.ErrorIs(t, err, analysis.ErrRefused)
		}
	})
	t.Run("what is missing is told", func(t *testing.T) {
		for _, config := range []Config{{AccessKeyID: keyID, SecretAccessKey: secretKey}, {Region: "eu-central-1", SecretAccessKey: secretKey}} {
			_, err := New("cloudwatch shop/main", config)
			require.ErrorContains(t, err, ";")
			require.NotContains(t, err.Error(), secretKey)
		}
	})
}
