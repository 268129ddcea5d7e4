package generic

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types/ref"
	"google.golang.org/protobuf/types/known/structpb"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// types of the variables; those that are not here are JSON.
var types = map[string]*cel.Type{
	"routeNamespace": cel.StringType, "service": cel.StringType, "method": cel.StringType,
	"headers":     cel.ListType(cel.MapType(cel.StringType, cel.DynType)),
	"queryParams": cel.ListType(cel.MapType(cel.StringType, cel.DynType)),
}

// compiler compiles the expressions of a description, and keeps the first that cannot be.
type compiler struct{ failed error }

// program is one expression. nil is one that was left out.
type program struct {
	cel.Program

	field string
}

// gives says whether an expression of this type can give a T; of dyn that shows when it is evaluated.
func gives[T any](out *cel.Type) error {
	var none T
	want := map[reflect.Kind]*cel.Type{
		reflect.String: cel.StringType, reflect.Bool: cel.BoolType, reflect.Int64: cel.IntType, reflect.Slice: cel.ListType(cel.DynType),
	}[reflect.TypeOf(none).Kind()]
	if out.IsAssignableType(want) || want.IsAssignableType(out) {
		return nil
	}
	return fmt.Errorf("it gives %s, not %s; correct the expression", out, want)
}

// program compiles an expression over variables.
func (c *compiler) program(field string, text v1alpha1.Expression, fits func(*cel.Type) error, variables ...string) *program {
	if text == "" {
		return nil
	}
	run, err := compile(string(text), fits, variables)
	if err != nil {
		if c.failed == nil {
			c.failed = fmt.Errorf("%s: %w", field, err)
		}
		return nil
	}
	return &program{Program: run, field: field}
}

// compile uses the functions that the API server has for expressions, all of them, whatever version it is of.
func compile(text string, fits func(*cel.Type) error, variables []string) (cel.Program, error) {
	declared := make([]cel.EnvOption, len(variables))
	for i, name := range variables {
		of, ok := types[name]
		if !ok {
			of = cel.DynType
		}
		declared[i] = cel.Variable(name, of)
	}
	env, err := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()).StoredExpressionsEnv().Extend(declared...)
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		first := issues.Errors()[0]
		return nil, fmt.Errorf("%s (line %d, column %d); correct the expression", oneLine(first.Message), first.Location.Line(), first.Location.Column()+1)
	}
	if fits != nil {
		if err := fits(ast.OutputType()); err != nil {
			return nil, err
		}
	}
	return env.Program(ast, cel.CostLimit(celconfig.PerCallLimit))
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// eval returns what an expression gives.
func (p *program) eval(vars map[string]any) (ref.Val, error) {
	out, _, err := p.Eval(vars)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", p.field, oneLine(err.Error()))
	}
	return out, nil
}

// value evaluates an expression that gives a T.
func value[T any](p *program, vars map[string]any) (T, error) {
	var none T
	out, err := p.eval(vars)
	if err != nil {
		return none, err
	}
	native, ok := out.Value().(T)
	if !ok {
		return none, fmt.Errorf("%s: it gives %s, not %T", p.field, out.Type().TypeName(), none)
	}
	return native, nil
}

// text evaluates an expression that gives a string; one that was left out gives "".
func (p *program) text(vars map[string]any) (string, error) {
	if p == nil {
		return "", nil
	}
	return value[string](p, vars)
}

// integers evaluates an expression that gives a list of int.
func (p *program) integers(vars map[string]any) ([]int64, error) {
	out, err := p.eval(vars)
	if err != nil {
		return nil, err
	}
	native, err := out.ConvertToNative(reflect.TypeFor[[]int64]())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.field, err)
	}
	return native.([]int64), nil
}

// json evaluates an expression that gives what JSON can say.
func (p *program) json(vars map[string]any) (any, error) {
	out, err := p.eval(vars)
	if err != nil {
		return nil, err
	}
	native, err := out.ConvertToNative(reflect.TypeFor[*structpb.Value]())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.field, err)
	}
	said, ok := native.(*structpb.Value)
	if !ok || said.AsInterface() == nil {
		return nil, errors.New(p.field + ": it gives nothing")
	}
	return said.AsInterface(), nil
}
