package expressions

import (
	"testing"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/stretchr/testify/require"
)

func evaluate(t *testing.T, expression string, list []float64) (any, error) {
	t.Helper()
	env, err := cel.NewEnv(cel.OptionalTypes(), cel.Variable("list", cel.ListType(cel.DoubleType)))
	require.NoError(t, err)
	ast, issues := env.Compile(expression)
	require.NoError(t, issues.Err())
	out, err := Evaluate(t.Context(), env, ast, map[string]any{"list": list})
	if err != nil {
		return nil, err
	}
	return out.Value(), nil
}

func TestEvaluate(t *testing.T) {
	got, err := evaluate(t, "list.all(x, x > 0.0) && list.map(x, x + 1.0) == [2.0, 3.0]", []float64{1, 2})
	require.NoError(t, err)
	require.Equal(t, true, got)

	_, err = evaluate(t, "list[2]", []float64{1, 2})
	require.ErrorContains(t, err, "index out of bounds: 2")
}

// TestBounds: what would take long is ended, and so is what would take much memory, however little of it is counted as a step.
func TestBounds(t *testing.T) {
	many := make([]float64, 500_000)
	tenfold := ".map(a, [a, a, a, a, a, a, a, a, a, a])"
	for expression, want := range map[string]error{
		"list.exists(x, list.exists(y, y > 1.0))":                   ErrTooLong,
		"list.all(x, list == list && list == list && list == list)": ErrTooMuch,
		"[1, 2, 3].map(i, list + list + list).all(a, a == a)":       ErrTooMuch,
		"[list]" + tenfold + tenfold + ".all(a, a == a)":            ErrTooMuch,
		"[optional.of(list)]" + tenfold + ".all(a, a == a)":         ErrTooMuch,
	} {
		_, err := evaluate(t, expression, many)
		require.ErrorIs(t, err, want, expression)
	}
}

func TestFew(t *testing.T) {
	adapt := types.DefaultTypeAdapter.NativeToValue
	for name, tc := range map[string]struct {
		value any
		count int
	}{
		"number":   {1.5, 1},
		"list":     {[]any{1, 2, []any{3, 4}}, 6},
		"map":      {map[string]any{"a": 1, "b": []any{2, 3}}, 5},
		"optional": {types.OptionalOf(adapt([]any{1, 2})), 4},
		"none":     {types.OptionalNone, 1},
	} {
		t.Run(name, func(t *testing.T) {
			enough, short := tc.count, tc.count-1
			require.True(t, Few(adapt(tc.value), &enough))
			require.Zero(t, enough)
			require.False(t, Few(adapt(tc.value), &short))
		})
	}
}
