// Package datadog has values of Datadog's metrics.
package datadog

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
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
	// Window is from how long before the time that is asked for points are taken; 0 is 5 min.
	Window time.Duration
}

// Source is one organisation at Datadog. It is safe for use by several at once.
type Source struct {
	name        string
	address     string
	window      time.Duration
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
		name: name, address: strings.TrimSuffix(config.Address, "/"), window: cmp.Or(config.Window, 5*time.Minute),
		client: client, credentials: config.Credentials,
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

// Value is the last point of each series that the query gives within the window, of those whose time has ended: one that is
// still being counted would be too low.
func (s *Source) Value(ctx context.Context, query string, at time.Time) (analysis.Value, error) {
	params := url.Values{
		"query": {query},
		"from":  {strconv.FormatInt(at.Add(-s.window).Unix(), 10)}, "to": {strconv.FormatInt(at.Unix(), 10)},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.address+path+"?"+params.Encode(), http.NoBody)
	if err != nil {
		return analysis.Value{}, s.fails(analysis.ErrRefused, "its address is no URL", "correct it")
	}
	text, err := egress.Fetch(s.client, s.name, request)
	if err != nil {
		return analysis.Value{}, err
	}
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
		return analysis.Value{}, s.fails(analysis.ErrNoData, "the query gives no point in the last "+s.window.String(), "see whether its metrics are reported, or have a longer window")
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
