// Package cloudwatch has values of Amazon CloudWatch.
package cloudwatch

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/egress"
)

// Config says which region is asked, and as whom.
type Config struct {
	// Config is how it is asked; Address "" is the endpoint of the region. Its Credentials are not used.
	egress.Config

	// Region is that of the metrics, such as eu-central-1.
	Region string
	// AccessKeyID and SecretAccessKey are those of a user or role that may cloudwatch:GetMetricData. SessionToken goes with
	// keys that are of limited time.
	AccessKeyID, SecretAccessKey, SessionToken string
}

// Source is one account and region. It is safe for use by several at once.
type Source struct {
	name   string
	client *api.Client
	// hides are the keys, which nothing that CloudWatch says may repeat.
	hides egress.Credentials
}

var _ analysis.Source = (*Source)(nil)

// New returns the account of the configuration as a source, called by its name in errors. Nothing is asked yet.
func New(name string, config Config) (*Source, error) {
	if config.Region == "" {
		return nil, fmt.Errorf("%s: there is no region; give the one of the metrics", name)
	}
	if config.AccessKeyID == "" || config.SecretAccessKey == "" {
		return nil, fmt.Errorf("%s: the access key or its secret is missing; give both in a Secret", name)
	}
	config.Address = cmp.Or(config.Address, "https://monitoring."+config.Region+".amazonaws.com")
	config.Credentials = egress.Credentials{}
	client, err := egress.New(config.Config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	keys := aws.Credentials{AccessKeyID: config.AccessKeyID, SecretAccessKey: config.SecretAccessKey, SessionToken: config.SessionToken}
	return &Source{
		name: name,
		client: api.New(api.Options{
			Region: config.Region, BaseEndpoint: &config.Address, HTTPClient: client,
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return keys, nil }),
			// Who asks asks again soon enough.
			RetryMaxAttempts: 1,
		}),
		hides: egress.Credentials{Bearer: keys.SecretAccessKey, Password: keys.SessionToken, Headers: map[string]string{"": keys.AccessKeyID}},
	}, nil
}

// Value is the newest value of each result in the last three periods and two minutes, of those whose period has ended: one that is
// still being counted would be too low. The query is a list of metric data queries in JSON, as the API and the command line of AWS
// take it, or one expression, such as SELECT SUM(...), by the minute unless it is a SEARCH that names its period.
func (s *Source) Value(ctx context.Context, query string, at time.Time) (analysis.Value, error) {
	queries, err := s.read(query)
	if err != nil {
		return analysis.Value{}, err
	}
	window := windowOf(queries)
	answer, err := s.client.GetMetricData(ctx, &api.GetMetricDataInput{
		MetricDataQueries: queries, StartTime: aws.Time(at.Add(-window)), EndTime: &at, ScanBy: types.ScanByTimestampDescending,
	})
	if err != nil {
		return analysis.Value{}, s.explain(err)
	}
	if answer.NextToken != nil {
		return analysis.Value{}, s.fails(analysis.ErrNoData, "its answer has several pages, and the first lacks a part", "ask for fewer metrics")
	}
	var numbers []analysis.Number
	for _, result := range answer.MetricDataResults {
		if result.StatusCode != types.StatusCodeComplete {
			return analysis.Value{}, s.fails(analysis.ErrNoData, "its answer lacks a part", "ask for fewer metrics, if it is so again")
		}
		if newest, ok := newest(result, at.Add(-period(queries, aws.ToString(result.Id)))); ok {
			labels := map[string]string{"id": aws.ToString(result.Id), "label": aws.ToString(result.Label)}
			numbers = append(numbers, analysis.Number{Labels: labels, Value: newest})
		}
	}
	if len(numbers) == 0 {
		return analysis.Value{}, s.fails(analysis.ErrNoData, "the query gives no value in the last "+window.String(), "see whether its metrics are reported so often, or have a longer Period in the query")
	}
	return analysis.Value{Numbers: numbers}, nil
}

// newest is the first value of a result, which is the newest, that begins at that time or earlier.
func newest(result types.MetricDataResult, begins time.Time) (float64, bool) {
	for i, value := range result.Values {
		if i < len(result.Timestamps) && !result.Timestamps[i].After(begins) {
			return value, true
		}
	}
	return 0, false
}

// windowOf is how far back is looked for a value: a period that has ended began up to two before, and is counted some time later.
func windowOf(queries []types.MetricDataQuery) time.Duration {
	const periods, late, least = 3, 2 * time.Minute, 5 * time.Minute
	return max(periods*period(queries, "")+late, least)
}

// period is what each value of a result is of: that of its query, or, of an expression that has none, the longest of all.
func period(queries []types.MetricDataQuery, id string) time.Duration {
	var longest int32
	for _, q := range queries {
		each := aws.ToInt32(q.Period)
		if q.MetricStat != nil {
			each = aws.ToInt32(q.MetricStat.Period)
		}
		if each > 0 && aws.ToString(q.Id) == id {
			return time.Duration(each) * time.Second
		}
		longest = max(longest, each)
	}
	return time.Duration(longest) * time.Second
}

// search is one that names its period, in seconds, as the last of its parts.
var search = regexp.MustCompile(`SEARCH\(\s*'[^']*'\s*,\s*'[^']*'\s*,\s*([1-9][0-9]{0,5})\s*\)`)

// searched is the longest period of the searches in an expression, in seconds; 0 if none names one.
func searched(expression string) (longest int32) {
	for _, found := range search.FindAllStringSubmatch(expression, -1) {
		if seconds, err := strconv.ParseInt(found[1], 10, 32); err == nil {
			longest = max(longest, int32(seconds))
		}
	}
	return longest
}

func (s *Source) read(query string) ([]types.MetricDataQuery, error) {
	query = strings.TrimSpace(query)
	if !strings.HasPrefix(query, "[") {
		return []types.MetricDataQuery{{Id: aws.String("q"), Expression: &query, Period: aws.Int32(cmp.Or(searched(query), 60))}}, nil
	}
	var queries []types.MetricDataQuery
	decoder := json.NewDecoder(bytes.NewBufferString(query))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&queries); err != nil {
		return nil, s.fails(analysis.ErrRefused, "the query is no list of metric data queries in JSON", "correct it, with the names of the fields as in the API of CloudWatch")
	}
	for i, q := range queries {
		if seconds := searched(aws.ToString(q.Expression)); seconds > 0 && q.Period == nil {
			queries[i].Period = &seconds
		}
	}
	return queries, nil
}

// keysDontCount are the codes of AWS for credentials that are wrong, expired or not allowed to ask.
var keysDontCount = []string{"AccessDenied", "InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClient", "ExpiredToken", "MissingAuthenticationToken", "IncompleteSignature"}

func (s *Source) explain(err error) error {
	var said smithy.APIError
	if !errors.As(err, &said) {
		var unread *smithy.DeserializationError
		if errors.As(err, &unread) {
			return s.fails(analysis.ErrUnreachable, "its answer is not of CloudWatch", "see whether its address is that of the region")
		}
		return egress.Explain(s.name, err)
	}
	for _, code := range keysDontCount {
		if strings.Contains(said.ErrorCode(), code) {
			return s.fails(analysis.ErrRefused, "its keys don't count, or may not ask", "correct them in their Secret, and allow cloudwatch:GetMetricData")
		}
	}
	switch {
	case strings.Contains(said.ErrorCode(), "Throttl") || strings.Contains(said.ErrorCode(), "LimitExceeded"):
		return s.fails(analysis.ErrUnreachable, "it is asked too often", "ask it less often, or have its quota raised")
	case said.ErrorFault() == smithy.FaultServer || strings.Contains(said.ErrorCode(), "Internal") || said.ErrorCode() == "UnknownError":
		return s.fails(analysis.ErrUnreachable, "it has a problem of its own", "see the status of AWS")
	}
	return s.fails(analysis.ErrRefused, "it can't answer the query: "+s.hides.Quote(said.ErrorMessage()), "correct the query")
}

func (s *Source) fails(reason error, problem, mend string) error {
	return &analysis.SourceError{Source: s.name, Reason: reason, Problem: problem, Mend: mend}
}
