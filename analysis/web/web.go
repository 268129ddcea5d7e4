// Package web has a value of whatever answers JSON over HTTP.
package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types/ref"
	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/apiserver/pkg/cel/environment"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/egress"
	"crossfade.io/crossfade/analysis/expressions"
)

// defaultMaxBytes is smaller than that of other sources: JSON of any shape takes some twenty times as much memory.
const defaultMaxBytes = 1 << 20

// mostPicked is how many values what an expression gives has at most: a list of lists that are one costs little until it is written
// out.
const mostPicked = 1 << 20

// Config is what is asked, and how.
type Config struct {
	// Config is how it is asked; MaxBytes 0 is 1 MiB.
	egress.Config

	// Method is GET, which "" also is, or POST.
	Method string
	// Body is sent with POST, as JSON.
	Body string
}

// Source is one address. It is safe for use by several at once.
type Source struct {
	name   string
	config Config
	client *http.Client
}

var _ analysis.Source = (*Source)(nil)

// New returns the address of the configuration as a source, called by its name in errors. Nothing is asked yet.
func New(name string, config Config) (*Source, error) {
	config.Method = cmp.Or(config.Method, http.MethodGet)
	if config.Method != http.MethodGet && config.Method != http.MethodPost {
		return nil, fmt.Errorf("%s: method %s is not sent; use GET or POST", name, config.Method)
	}
	config.MaxBytes = cmp.Or(config.MaxBytes, defaultMaxBytes)
	client, err := egress.New(config.Config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &Source{name: name, config: config, client: client}, nil
}

// Value asks the address, and picks the value by the query, an expression of CEL over its answer, body: such as
// body.errors / body.total. A number is a number, whatever else there is is JSON, and null is no data, as is a field or an
// entry that is not there. The time is not asked for: it is that of the answer.
func (s *Source) Value(ctx context.Context, query string, _ time.Time) (analysis.Value, error) {
	env, picks, err := s.compile(query)
	if err != nil {
		return analysis.Value{}, err
	}
	request, err := http.NewRequestWithContext(ctx, s.config.Method, s.config.Address, strings.NewReader(s.config.Body))
	if err != nil {
		return analysis.Value{}, s.fails(analysis.ErrRefused, "its address is no URL", "correct it")
	}
	request.Header.Set("Accept", "application/json")
	if s.config.Method == http.MethodGet {
		request.Body, request.GetBody, request.ContentLength = http.NoBody, nil, 0
	} else {
		request.Header.Set("Content-Type", "application/json")
	}
	text, err := egress.Fetch(s.client, s.name, request)
	if err != nil {
		return analysis.Value{}, err
	}
	turn := egress.Turn{}
	if err := turn.Begin(ctx); err != nil {
		return analysis.Value{}, egress.Explain(s.name, err)
	}
	var body any
	err = json.Unmarshal(text, &body)
	turn.End() // what a user wrote takes as long as it does, and others need not wait for it
	if err != nil {
		return analysis.Value{}, s.fails(analysis.ErrUnreachable, "its answer is no JSON", "see whether its address is that of an API")
	}
	return s.pick(ctx, env, picks, body)
}

// compile uses the functions that the API server has for expressions.
func (s *Source) compile(text string) (*cel.Env, *cel.Ast, error) {
	env, err := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()).StoredExpressionsEnv().Extend(cel.Variable("body", cel.DynType))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: prepare expressions: %w", s.name, err)
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		first := issues.Errors()[0]
		return nil, nil, s.fails(analysis.ErrRefused, fmt.Sprintf("the expression is wrong at line %d, column %d: %s",
			first.Location.Line(), first.Location.Column()+1, s.config.Credentials.Quote(first.Message)), "correct it")
	}
	return env, ast, nil
}

func (s *Source) pick(ctx context.Context, env *cel.Env, picks *cel.Ast, body any) (analysis.Value, error) {
	out, err := expressions.Evaluate(ctx, env, picks, map[string]any{"body": body})
	if err != nil {
		if errors.Is(err, expressions.ErrTooLong) || errors.Is(err, expressions.ErrTooMuch) {
			return analysis.Value{}, s.fails(analysis.ErrRefused, err.Error(), "make it simpler")
		}
		if missing(err) {
			return analysis.Value{}, s.fails(analysis.ErrNoData, "its answer lacks what the expression picks", "see what it answers, and correct the expression")
		}
		return analysis.Value{}, s.fails(analysis.ErrRefused, "the expression doesn't fit its answer", "see what it answers, and correct the expression")
	}
	var number float64
	switch said := out.Value().(type) {
	case float64:
		number = said
	case int64:
		number = float64(said)
	case uint64:
		number = float64(said)
	default:
		return s.json(out)
	}
	if math.IsNaN(number) || math.IsInf(number, 0) {
		return analysis.Value{}, s.fails(analysis.ErrNoData, "the expression gives no number, as a division by 0 does", "have it give null then")
	}
	return analysis.Value{Numbers: []analysis.Number{{Value: number}}}, nil
}

// json is what an expression gives that is no number.
func (s *Source) json(out ref.Val) (analysis.Value, error) {
	if left := mostPicked; !expressions.Few(out, &left) {
		return analysis.Value{}, s.fails(analysis.ErrRefused, "the expression gives too much", "have it give a number, or less")
	}
	native, err := out.ConvertToNative(reflect.TypeFor[*structpb.Value]())
	if err != nil {
		return analysis.Value{}, s.fails(analysis.ErrRefused, "the expression gives what JSON can't say", "have it give a number, text, a list or a map")
	}
	said := native.(*structpb.Value).AsInterface()
	if said == nil {
		return analysis.Value{}, s.fails(analysis.ErrNoData, "the expression gives null", "see what it answers, and correct the expression")
	}
	return analysis.Value{JSON: said}, nil
}

// missing says whether an expression failed for what is not there; cel-go has no errors to test for.
func missing(err error) bool {
	text := err.Error()
	return strings.HasPrefix(text, "no such key") || strings.HasPrefix(text, "index out of bounds")
}

func (s *Source) fails(reason error, problem, mend string) error {
	return &analysis.SourceError{Source: s.name, Reason: reason, Problem: problem, Mend: mend}
}
