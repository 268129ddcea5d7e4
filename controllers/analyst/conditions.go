package analyst

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/cel-go/cel"
	"k8s.io/apiserver/pkg/cel/environment"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/expressions"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// environmentOf has the functions that the API server has for expressions. It is made once: it is large.
var environmentOf = sync.OnceValues(func() (*cel.Env, error) {
	return environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()).StoredExpressionsEnv().Extend(
		cel.Variable("result", cel.DynType), cel.Variable("series", cel.ListType(cel.DynType)))
})

// conditions say what a value of a threshold is. A nil one was not given.
type conditions struct{ success, failure *cel.Ast }

// compiled compiles the conditions of a threshold. A Job is a success or a failure by itself.
func compiled(t v1alpha1.ThresholdMetric, job bool) (conditions, error) {
	if job {
		t.Success, t.Failure = "result == 1", ""
	}
	success, err := compile("success", t.Success)
	if err != nil {
		return conditions{}, err
	}
	failure, err := compile("failure", t.Failure)
	if err != nil {
		return conditions{}, err
	}
	return conditions{success, failure}, nil
}

func compile(field string, text v1alpha1.Expression) (*cel.Ast, error) {
	if text == "" {
		return nil, nil
	}
	env, err := environmentOf()
	if err != nil {
		return nil, fmt.Errorf("%s: prepare expressions: %w", field, err)
	}
	ast, issues := env.Compile(string(text))
	if issues.Err() != nil {
		first := issues.Errors()[0]
		return nil, fmt.Errorf("%s: %s (line %d, column %d); correct the expression", field,
			strings.Join(strings.Fields(first.Message), " "), first.Location.Line(), first.Location.Column()+1)
	}
	if out := ast.OutputType(); !out.IsAssignableType(cel.BoolType) {
		return nil, fmt.Errorf("%s: it gives %s, not bool; correct the expression", field, out)
	}
	return ast, nil
}

// measured is what an answer comes to, by conditions.
func (c conditions) measured(at time.Time, value analysis.Value, failed error) analysis.Measurement {
	m := analysis.Measurement{At: at}
	switch {
	case errors.Is(failed, analysis.ErrNoData):
		m.Outcome, m.Text = analysis.OutcomeNoData, failed.Error()
		return m
	case failed != nil:
		m.Outcome, m.Text = analysis.OutcomeError, failed.Error()
		return m
	}
	vars := variables(value)
	good, bad, err := c.says(vars)
	switch {
	case err != nil:
		m.Outcome, m.Text = analysis.OutcomeError, err.Error()
		return m
	case bad:
		m.Outcome = analysis.OutcomeFailure
	case good:
		m.Outcome = analysis.OutcomeSuccess
	default:
		m.Outcome = analysis.OutcomeInconclusive
	}
	m.Text = brief(value)
	return m
}

// says evaluates the conditions; where one was not given, it follows from the other.
func (c conditions) says(vars map[string]any) (good, bad bool, err error) {
	if c.success != nil {
		if good, err = holds(c.success, vars); err != nil {
			return false, false, fmt.Errorf("success: %w", err)
		}
	}
	if c.failure != nil {
		if bad, err = holds(c.failure, vars); err != nil {
			return false, false, fmt.Errorf("failure: %w", err)
		}
	}
	switch {
	case c.failure == nil:
		bad = !good
	case c.success == nil:
		good = !bad
	}
	return good, bad, nil
}

// misfits begin what CEL says of names and types.
var misfits = []string{"no such key", "no such overload", "no such attribute", "no such field", "index out of bounds", "division by zero", "modulus by zero"}

// misfit is what CEL says of names and types, to be added to a sentence. What else its functions say may quote the answer, which is
// nobody's business who may see the Release.
func misfit(err error) string {
	said := strings.Join(strings.Fields(err.Error()), " ")
	if !slices.ContainsFunc(misfits, func(known string) bool { return strings.HasPrefix(said, known) }) {
		return ""
	}
	return ": " + said
}

func holds(condition *cel.Ast, vars map[string]any) (bool, error) {
	env, err := environmentOf()
	if err != nil {
		return false, fmt.Errorf("prepare expressions: %w", err)
	}
	out, err := expressions.Evaluate(context.Background(), env, condition, vars)
	switch {
	case errors.Is(err, expressions.ErrTooLong), errors.Is(err, expressions.ErrTooMuch):
		return false, fmt.Errorf("%w; make it simpler", err)
	case err != nil:
		return false, fmt.Errorf("the expression doesn't fit the value%s; correct it", misfit(err))
	}
	said, is := out.Value().(bool)
	if !is {
		return false, fmt.Errorf("it gives %s, not bool; correct the expression", out.Type().TypeName())
	}
	return said, nil
}

// variables are result and series of an answer.
func variables(value analysis.Value) map[string]any {
	series, numbers := []any{}, []any{}
	for _, n := range value.Numbers {
		labels := map[string]any{}
		for k, v := range n.Labels {
			labels[k] = v
		}
		series, numbers = append(series, map[string]any{"labels": labels, "value": n.Value}), append(numbers, n.Value)
	}
	var result any = numbers
	switch {
	case value.JSON != nil:
		result = value.JSON
	case len(numbers) == 1:
		result = numbers[0]
	}
	return map[string]any{"result": result, "series": series}
}

// brief is a value for people. What JSON says is left out: it may be anything.
func brief(value analysis.Value) string {
	switch {
	case value.JSON != nil:
		if text, is := value.JSON.(bool); is {
			return strconv.FormatBool(text)
		}
		return "JSON"
	case len(value.Numbers) == 1:
		return strconv.FormatFloat(value.Numbers[0].Value, 'g', 4, 64)
	default:
		return fmt.Sprintf("%d numbers", len(value.Numbers))
	}
}

// single is the number of an answer with one, else NaN.
func single(value analysis.Value) float64 {
	if len(value.Numbers) == 1 {
		return value.Numbers[0].Value
	}
	return math.NaN()
}
