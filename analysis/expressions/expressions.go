// Package expressions evaluates expressions of CEL over what sources answer, within bounds that hold whatever they are.
package expressions

import (
	"context"
	"errors"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
)

const (
	// longest is how long an expression is evaluated at most: its cost limit counts steps, not how long they take.
	longest = time.Second
	// interruptEvery is how many rounds of a loop of an expression go by until it is asked whether its time is up.
	interruptEvery = 100
	// mostValues is how many values an evaluation puts into lists and maps and compares at most: a list of lists that are one costs
	// little, and a single comparison of it, which nothing interrupts, may take for ever.
	mostValues = 1 << 22
)

// Why an evaluation was ended.
var (
	ErrTooLong = errors.New("its expression takes too long")
	ErrTooMuch = errors.New("its expression handles too many values")
)

// Evaluate evaluates what the environment compiled. Its errors are ErrTooLong, ErrTooMuch, and those of CEL.
func Evaluate(ctx context.Context, env *cel.Env, ast *cel.Ast, vars map[string]any) (ref.Val, error) {
	left := mostValues
	program, err := env.Program(ast, cel.CostLimit(celconfig.PerCallLimit), cel.InterruptCheckFrequency(interruptEvery),
		cel.CustomDecoratorV2(counting(&left)), cel.CostTrackerOptions(handled(&left)...))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	out, _, err := program.ContextEval(ctx, vars)
	switch {
	case err == nil:
		return out, nil
	case left < 0:
		return nil, ErrTooMuch
	case ctx.Err() != nil:
		return nil, ErrTooLong
	default:
		return nil, err
	}
}

// Few says whether a value has no more values in it than are left, and takes them off.
func Few(value ref.Val, left *int) bool {
	if *left--; *left < 0 {
		return false
	}
	if optional, is := value.(*types.Optional); is && optional.HasValue() {
		return Few(optional.GetValue(), left)
	}
	entries, are := value.(traits.Iterable)
	if !are {
		return true
	}
	all := entries.Iterator()
	for all.HasNext() == types.True {
		entry := all.Next()
		if named, is := value.(traits.Mapper); is {
			entry = named.Get(entry)
		}
		if !Few(entry, left) {
			return false
		}
	}
	return true
}

// counting takes off what lists and maps of an expression have in them.
func counting(left *int) interpreter.InterpretableDecoratorV2 {
	return func(step interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
		if makes, is := step.(interpreter.InterpretableConstructor); is {
			return counted{makes, left}, nil
		}
		return step, nil
	}
}

// counted makes a list or a map, as long as some are left.
type counted struct {
	interpreter.InterpretableConstructor

	left *int
}

// Exec makes it.
func (c counted) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	made := c.InterpretableConstructor.Exec(frame)
	if !Few(made, c.left) {
		return types.WrapErr(ErrTooMuch)
	}
	return made
}

// Eval makes it.
func (c counted) Eval(activation interpreter.Activation) ref.Val {
	return c.Exec(interpreter.AsFrame(activation))
}

// handled takes off what calls compare, or add to a list or a map, which is their last argument. The call without a name is one of
// which it shows only then what it does, such as + of what may be lists.
func handled(left *int) []interpreter.CostTrackerOption {
	over := uint64(celconfig.PerCallLimit + 1)
	count := func(args []ref.Val, _ ref.Val) *uint64 {
		if len(args) == 0 {
			return nil
		}
		switch last := args[len(args)-1]; last.(type) {
		case traits.Iterable, *types.Optional:
			if !Few(last, left) {
				return &over
			}
		}
		return nil
	}
	named := func(args []ref.Val, result ref.Val) *uint64 {
		if _, is := result.(traits.Lister); !is {
			return nil
		}
		return count(args, result)
	}
	return []interpreter.CostTrackerOption{
		interpreter.OverloadCostTracker(overloads.Equals, count), interpreter.OverloadCostTracker(overloads.NotEquals, count),
		interpreter.OverloadCostTracker(overloads.InList, count), interpreter.OverloadCostTracker(overloads.AddList, count),
		interpreter.OverloadCostTracker("@mapInsert_map_map", count), interpreter.OverloadCostTracker("@mapInsert_map_key_value", count),
		interpreter.OverloadCostTracker("", named),
	}
}
