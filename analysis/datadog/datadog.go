// Package datadog has values of Datadog's metrics.
package datadog

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/egress"
)

// path is that of a query of time series points (docs.datadoghq.com/api/latest/metrics, "Query timeseries points").
const path = "/api/v1/query"

// Config says which site is asked, and as whom.
type Config struct {
	egress.Config

	// APIKey and ApplicationKey are both needed; the application key wants the scope timeseries_query.
	APIKey, ApplicationKey string
}

// Source is one organisation at Datadog. It is safe for use by several at once.
type Source struct {
	name        string
	address     string
	client      *http.Client
	credentials egress.Credentials
}

var _ analysis.Source = (*Source)(nil)

// New returns the site of the configuration, such as https://api.datadoghq.com, called by its name in errors. Nothing is
// asked yet.
func New(name string, config Config) (*Source, error) {
	if config.APIKey == "" || config.ApplicationKey == "" {
		return nil, fmt.Errorf("%s: the API key or the application key is missing; give both in a Secret", name)
	}
	config.Credentials = egress.Credentials{Headers: map[string]string{"DD-API-KEY": config.APIKey, "DD-APPLICATION-KEY": config.ApplicationKey}}
	client, err := egress.New(config.Config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &Source{
		name: name, address: strings.TrimSuffix(config.Address, "/"), client: client, credentials: config.Credentials,
	}, nil
}

// answer is what Datadog says to a query.
type answer struct {
	Status string `json:"status"`
	Error  string `json:"error"`
	Series []struct {
		Metric string   `json:"metric"`
		Tags   []string `json:"tag_set"`
		// Interval is how long each point is of, in seconds.
		Interval int64 `json:"interval"`
		// Points are pairs of the time at which they begin, in milliseconds, and a value, which is null where there is none.
		Points [][]*float64 `json:"pointlist"`
	} `json:"series"`
}

// rollup is how long each point is of in a query that says so, in seconds.
var rollup = regexp.MustCompile(`\.rollup\((?:\s*\w+\s*,)?\s*([1-9][0-9]{0,5})\s*\)`)

// windowOf is how far back is looked for a point: one whose time has ended began up to two of them before, and is there some time later.
func windowOf(query string) time.Duration {
	const points, late, least = 3, 2 * time.Minute, 5 * time.Minute
	window := least
	for _, found := range rollup.FindAllStringSubmatch(query, -1) {
		if seconds, err := strconv.Atoi(found[1]); err == nil {
			window = max(window, points*time.Duration(seconds)*time.Second+late)
		}
	}
	return window
}

// Value is the last point of each series that the query gives in the last 5 minutes, or three rollups and two minutes, of those
// whose time has ended: one that is still being counted would be too low.
func (s *Source) Value(ctx context.Context, query string, at time.Time) (analysis.Value, error) {
	window := windowOf(query)
	params := url.Values{
		"query": {query},
		"from":  {strconv.FormatInt(at.Add(-window).Unix(), 10)}, "to": {strconv.FormatInt(at.Unix(), 10)},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.address+path+"?"+params.Encode(), http.NoBody)
	if err != nil {
		return analysis.Value{}, s.fails(analysis.ErrRefused, "its address is no URL", "correct it")
	}
	text, err := egress.Fetch(s.client, s.name, request)
	if err != nil {
		return analysis.Value{}, err
	}
	turn := egress.Turn{}
	if err := turn.Begin(ctx); err != nil {
		return analysis.Value{}, egress.Explain(s.name, err)
	}
	defer turn.End()
	var said answer
	if err := json.Unmarshal(text, &said); err != nil {
		return analysis.Value{}, s.fails(analysis.ErrUnreachable, "its answer is not of Datadog's API", "see whether its address is that of your site, such as https://api.datadoghq.com")
	}
	if said.Status != "ok" || said.Error != "" {
		return analysis.Value{}, s.fails(analysis.ErrRefused, "it can't answer the query: "+s.credentials.Quote(said.Error), "correct the query")
	}
	var numbers []analysis.Number
	for _, series := range said.Series {
		labels := map[string]string{"__name__": series.Metric}
		for _, tag := range series.Tags {
			key, value, _ := strings.Cut(tag, ":")
			labels[key] = value
		}
		if last, ok := last(series.Points, at.Add(-time.Duration(series.Interval)*time.Second)); ok {
			numbers = append(numbers, analysis.Number{Labels: labels, Value: last})
		}
	}
	if len(numbers) == 0 {
		return analysis.Value{}, s.fails(analysis.ErrNoData, "the query gives no point in the last "+window.String(), "see whether its metrics are reported so often, or have a longer .rollup() in the query")
	}
	return analysis.Value{Numbers: numbers}, nil
}

// last is the value of the last point that has one, and begins at that time or earlier.
func last(points [][]*float64, begins time.Time) (float64, bool) {
	for i := len(points) - 1; i >= 0; i-- {
		if len(points[i]) == 2 && points[i][0] != nil && points[i][1] != nil && *points[i][0] <= float64(begins.UnixMilli()) {
			return *points[i][1], true
		}
	}
	return 0, false
}

func (s *Source) fails(reason error, problem, mend string) error {
	return &analysis.SourceError{Source: s.name, Reason: reason, Problem: problem, Mend: mend}
}
