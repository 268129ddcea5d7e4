// Package prometheus has samples and values of Prometheus, and of whatever speaks its query API, such as Thanos and Mimir.
package prometheus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/egress"
)

// window is the longest range that is asked for at once, so that an answer stays small however long a release is; one that is too
// large all the same is asked for by halves, down to shortest.
const (
	window   = time.Hour
	shortest = time.Minute
)

// What all answers to one call may have together, as each by itself may be large: some four times what one has room for.
const (
	mostSamples = 400_000
	mostSeries  = 20_000
)

// Source is one Prometheus. It is safe for use by several at once.
type Source struct {
	name        string
	api         promv1.API
	credentials egress.Credentials
}

var _ analysis.CounterSource = (*Source)(nil)

// New returns the Prometheus of the configuration, called by its name in errors. Nothing is asked yet.
func New(name string, config egress.Config) (*Source, error) {
	asks, err := egress.New(config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	client, err := api.NewClient(api.Config{Address: config.Address, Client: asks})
	if err != nil {
		return nil, fmt.Errorf("%s: address: it is no URL; correct it", name)
	}
	return &Source{name: name, api: promv1.NewAPI(decodedAlone{client}), credentials: config.Credentials}, nil
}

// Samples are those that were scraped, since a selector with a range is answered with what is stored. Series of which the
// markers alone are in the range are left out.
func (s *Source) Samples(ctx context.Context, selector string, from, to time.Time) ([]analysis.Series, error) {
	found := map[string]*analysis.Series{}
	var order []string
	count := 0
	long := min(window, to.Sub(from))
	for start := from; start.Before(to); {
		end := start.Add(long)
		if end.After(to) {
			end = to
		}
		matrix, err := s.window(ctx, selector, start, end)
		if errors.Is(err, egress.ErrTooLarge) && long > shortest {
			long = max(long/2, shortest)
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, stream := range matrix {
			if stream == nil {
				return nil, s.unreadable()
			}
			key := stream.Metric.String()
			if found[key] == nil {
				found[key] = &analysis.Series{Labels: labels(stream.Metric)}
				order = append(order, key)
			}
			some := samples(stream, start, end)
			found[key].Samples = append(found[key].Samples, some...)
			count += weightOf(some)
		}
		if count > mostSamples || len(order) > mostSeries {
			return nil, s.fails(egress.ErrTooLarge, fmt.Sprintf("its answers are over %d samples or %d series", mostSamples, mostSeries), "select fewer series or a shorter time")
		}
		start = end
	}
	var all []analysis.Series
	for _, key := range order {
		if len(found[key].Samples) > 0 {
			all = append(all, *found[key])
		}
	}
	return all, nil
}

func (s *Source) window(ctx context.Context, selector string, from, to time.Time) (model.Matrix, error) {
	query := fmt.Sprintf("%s[%dms]", strings.TrimSpace(selector), max(1, to.Sub(from).Milliseconds()))
	value, err := s.query(ctx, query, to)
	if err != nil {
		return nil, err
	}
	matrix, ok := value.(model.Matrix)
	if !ok {
		return nil, s.fails(analysis.ErrRefused, "the selector gives no samples of series", "give the name of a counter with labels, without functions")
	}
	return matrix, nil
}

// samples are those after from and until to: older versions also give one at from itself.
func samples(stream *model.SampleStream, from, to time.Time) []analysis.Sample {
	var all []analysis.Sample
	within := func(t time.Time) bool { return t.After(from) && !t.After(to) }
	for _, pair := range stream.Values {
		if t := pair.Timestamp.Time().UTC(); within(t) {
			all = append(all, analysis.Sample{Time: t, Value: float64(pair.Value)})
		}
	}
	for _, pair := range stream.Histograms {
		if t := pair.Timestamp.Time().UTC(); within(t) && pair.Histogram != nil {
			all = append(all, analysis.Sample{Time: t, Histogram: native(pair.Histogram)})
		}
	}
	slices.SortStableFunc(all, func(a, b analysis.Sample) int { return a.Time.Compare(b.Time) })
	return all
}

// weightOf is how many samples these are; each bucket of a histogram is one.
func weightOf(samples []analysis.Sample) int {
	count := len(samples)
	for _, sample := range samples {
		if sample.Histogram != nil {
			count += len(sample.Histogram.Buckets)
		}
	}
	return count
}

func native(h *model.SampleHistogram) *analysis.NativeHistogram {
	out := &analysis.NativeHistogram{Count: float64(h.Count)}
	for _, b := range h.Buckets {
		out.Buckets = append(out.Buckets, analysis.NativeBucket{Lower: float64(b.Lower), Upper: float64(b.Upper), Count: float64(b.Count)})
	}
	return out
}

func labels(metric model.Metric) map[string]string {
	out := make(map[string]string, len(metric))
	for name, value := range metric {
		out[string(name)] = string(value)
	}
	return out
}

// Value is what a query of PromQL gives: one number, or one for each series. Those that are NaN or infinite, as 0 divided by
// 0 is, are no data.
func (s *Source) Value(ctx context.Context, query string, at time.Time) (analysis.Value, error) {
	given, err := s.query(ctx, query, at)
	if err != nil {
		return analysis.Value{}, err
	}
	var all []analysis.Number
	add := func(of map[string]string, value model.SampleValue) {
		if v := float64(value); !math.IsNaN(v) && !math.IsInf(v, 0) {
			all = append(all, analysis.Number{Labels: of, Value: v})
		}
	}
	switch value := given.(type) {
	case *model.Scalar:
		add(nil, value.Value)
	case model.Vector:
		for _, sample := range value {
			if sample == nil {
				return analysis.Value{}, s.unreadable()
			}
			if sample.Histogram != nil {
				return analysis.Value{}, s.fails(analysis.ErrRefused, "the query gives histograms", "use histogram_quantile or histogram_fraction")
			}
			add(labels(sample.Metric), sample.Value)
		}
	default:
		return analysis.Value{}, s.fails(analysis.ErrRefused, "the query gives no numbers of one time", "use a query without a range at its end")
	}
	if len(all) == 0 {
		return analysis.Value{}, s.fails(analysis.ErrNoData, "the query gives no number", "see whether its metrics are scraped and its labels are right")
	}
	return analysis.Value{Numbers: all}, nil
}

// query takes an answer that is incomplete for none: who lacks a part of one arm would judge the other by it.
func (s *Source) query(ctx context.Context, query string, at time.Time) (model.Value, error) {
	alone := &egress.Turn{}
	defer alone.End()
	value, warnings, err := s.api.Query(context.WithValue(ctx, turnKey{}, alone), query, at)
	if err != nil {
		return nil, s.explain(err)
	}
	if len(warnings) > 0 {
		return nil, s.fails(analysis.ErrNoData, "its answer may lack a part"+s.said(warnings[0]), "see which of its stores is down, or correct the query")
	}
	return value, nil
}

// decodedAlone has answers wait for their turn to be decoded, which ends with whoever asked.
type decodedAlone struct{ api.Client }

type turnKey struct{}

// Do asks.
func (c decodedAlone) Do(ctx context.Context, request *http.Request) (*http.Response, []byte, error) {
	response, body, err := c.Client.Do(ctx, request)
	if turn, is := ctx.Value(turnKey{}).(*egress.Turn); is && err == nil && response.StatusCode/100 == 2 {
		err = turn.Begin(ctx)
	}
	return response, body, err
}

func (s *Source) fails(reason error, problem, mend string) error {
	return &analysis.SourceError{Source: s.name, Reason: reason, Problem: problem, Mend: mend}
}

// said is what Prometheus said, to be added to a sentence.
func (s *Source) said(text string) string {
	if quoted := s.credentials.Quote(text); quoted != "" {
		return ", as it says: " + quoted
	}
	return ""
}

func (s *Source) explain(err error) error {
	var refused *promv1.Error
	var transport *url.Error
	if errors.As(err, &refused) {
		return s.refused(refused)
	}
	if errors.As(err, &transport) || egress.Broken(err) {
		return egress.Explain(s.name, err)
	}
	return s.unreadable()
}

func (s *Source) unreadable() error {
	return s.fails(analysis.ErrUnreachable, "its answer is cut off, or not of the query API of Prometheus", "see whether its address is that of the API, with any path before /api/v1")
}

func (s *Source) refused(err *promv1.Error) error {
	switch err.Type {
	case promv1.ErrExec:
		if strings.Contains(err.Msg, "too many samples") {
			return s.fails(egress.ErrTooLarge, "it can't answer the query"+s.said(err.Msg), "select fewer series or a shorter time")
		}
		if !faulty(err.Msg) {
			return s.fails(analysis.ErrUnreachable, "it broke off the query"+s.said(err.Msg), "see which of its stores is down, or correct the query")
		}
		return s.fails(analysis.ErrRefused, "it can't answer the query"+s.said(err.Msg), "correct the query")
	case promv1.ErrBadData:
		return s.fails(analysis.ErrRefused, "it can't answer the query"+s.said(err.Msg), "correct the query")
	case promv1.ErrTimeout, promv1.ErrCanceled:
		return s.fails(analysis.ErrUnreachable, "the query took it too long", "select fewer series or a shorter time")
	case promv1.ErrServer, promv1.ErrClient:
		// The status is the last word of the message, if it is that of the client.
		words := strings.Fields(err.Msg)
		if len(words) == 0 {
			return s.unreadable()
		}
		if code, broken := strconv.Atoi(words[len(words)-1]); broken == nil {
			return egress.Status(s.name, code)
		}
	case promv1.ErrBadResponse:
	}
	return s.unreadable()
}

// faults are in what Prometheus says where a query can't be executed for what it is, by its engine (promql/engine.go and
// functions.go).
var faults = []string{
	"many-to-many", "matching labels must be unique", "multiple matches for labels", "duplicate series", "same labelset",
	"regular expression", "label name", "invalid",
}

// faulty says whether a query failed for what it is. Thanos says that execution failed where one of its stores is down, too.
func faulty(said string) bool {
	return slices.ContainsFunc(faults, func(fault string) bool { return strings.Contains(said, fault) })
}
