package sequential

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func classic() Histogram {
	return Histogram{Edges: []float64{.05, .1, .25, .5, 1}, Below: []float64{300, 620, 900, 988, 1000}, Count: 1000}
}

func TestNewHistogram(t *testing.T) {
	edges := append(classic().Edges, math.Inf(1))
	require.Equal(t, classic(), NewHistogram(edges, append(classic().Below, 1000)))
	require.Zero(t, NewHistogram(edges, []float64{1}))
	require.Zero(t, NewHistogram([]float64{1}, []float64{1}))
	require.Zero(t, NewHistogram(nil, nil))
}

func TestTailEdge(t *testing.T) {
	edge, tail, fits, err := classic().TailEdge(0.99)
	require.NoError(t, err)
	require.True(t, fits)
	require.InDelta(t, 0.5, edge, 0)
	require.InDelta(t, 0.012, tail, 1e-12)

	_, _, fits, err = classic().TailEdge(0.9999)
	require.NoError(t, err)
	require.False(t, fits, "1.2 % is no p99.99")

	edge, tail, fits, err = Histogram{Edges: []float64{1, 2, 3}, Below: []float64{0, 10, 10}, Count: 10}.TailEdge(0.99)
	require.NoError(t, err)
	require.False(t, fits)
	require.InDelta(t, 2, edge, 0, "the lowest that none is slower than")
	require.Zero(t, tail)
	_, _, _, err = Histogram{Edges: []float64{1}, Below: []float64{0}, Count: 10}.TailEdge(0.99)
	require.ErrorIs(t, err, ErrNoEdge)
	_, _, _, err = Histogram{}.TailEdge(0.99)
	require.ErrorIs(t, err, ErrNoEdge)
}

func TestTailsOfOneEdge(t *testing.T) {
	tail, has := classic().Tail(0.25)
	require.True(t, has)
	require.Equal(t, Arm{1000, 100}, tail)
	_, has = classic().Tail(0.3)
	require.False(t, has)
	require.Equal(t, []float64{.1, .5}, classic().Restrict([]float64{.1, .2, .5, 3}).Edges)
}

func TestShift(t *testing.T) {
	edges := classic().ShiftEdges()
	require.Equal(t, []float64{.05, .1, .25, .5}, edges)
	shift, equal := NewShift(edges, 1, 1), NewShift(edges, 1, 1)
	slow := Histogram{Edges: classic().Edges, Below: []float64{10, 30, 60, 90, 100}, Count: 100}
	for range 5 {
		shift.Add(slow, classic(), 1)
		equal.Add(classic(), classic(), 1)
	}
	require.Greater(t, shift.Log(), math.Log(100))
	require.Less(t, equal.Log(), 0.0)
	require.Zero(t, NewShift(nil, 1, 1).Log())

	many := Histogram{Count: 1000}
	for i := range 60 {
		many.Edges, many.Below = append(many.Edges, float64(i+1)), append(many.Below, float64(200+10*i))
	}
	require.Len(t, many.ShiftEdges(), 16)
}

// fine is a histogram of schema 3 with a bucket for each of some values.
func fine(t *testing.T, values ...float64) Native {
	t.Helper()
	var buckets []Bucket
	for _, value := range values {
		index := int(math.Ceil(math.Log2(value) * 8))
		buckets = append(buckets, Bucket{Edge(3, index-1), Edge(3, index), 1})
	}
	n, err := NewNative(buckets)
	require.NoError(t, err)
	require.Equal(t, 3, n.Schema)
	return n
}

func TestNative(t *testing.T) {
	n := fine(t, 0.08, 0.08, 0.3, 0.51, 1.7)
	half := n.Reduce(2)
	require.Equal(t, 2, half.Schema)
	for index := -20; index < 8; index++ {
		whole, has := n.Tail(Edge(2, index))
		require.True(t, has)
		reduced, has := half.Tail(Edge(2, index))
		require.True(t, has)
		require.Equal(t, whole, reduced, "an edge of both schemas, %d", index)
	}
	_, has := half.Tail(Edge(3, 3))
	require.False(t, has, "an edge of the finer one only")

	all := Common(n, half, fine(t, 4))
	require.Equal(t, all[0], all[1])
	require.Equal(t, all[0].Edges, all[2].Edges)
	tail, has := all[0].Tail(0.5)
	require.True(t, has)
	require.Equal(t, Arm{5, 2}, tail)
	require.Equal(t, all[0], Common(n, fine(t, 0.08, 4).Reduce(2))[0], "the lowest schema and all edges")
}

func TestEdgesWithinTheZeroBucket(t *testing.T) {
	wide := Native{Schema: 0, Zero: 3, ZeroWidth: 0.5, Buckets: map[int]float64{1: 1}}
	narrow := Native{Schema: 0, Zero: 0, Buckets: map[int]float64{-3: 3, 1: 1}}
	for _, h := range Common(wide, narrow) {
		require.Equal(t, Histogram{Edges: []float64{0.5, 1, 2}, Below: []float64{3, 3, 4}, Count: 4}, h)
	}
}

func TestNativeOfNoSchema(t *testing.T) {
	_, err := NewNative([]Bucket{{1, 3.3, 1}})
	require.Error(t, err)
	_, err = NewNative([]Bucket{{1, 2, 1}, {2, 2 * math.Sqrt2, 1}})
	require.Error(t, err)
	empty, err := NewNative([]Bucket{{-0.001, 0.001, 7}})
	require.NoError(t, err)
	_, has := empty.Tail(0.0005)
	require.False(t, has, "within the zero bucket")
	tail, has := empty.Tail(0.5)
	require.True(t, has)
	require.Equal(t, Arm{7, 0}, tail)
	require.Len(t, Common(empty), 1)
}

func TestQuantileClaim(t *testing.T) {
	stable := Histogram{Edges: classic().Edges, Below: []float64{3000, 6200, 9000, 9980, 10000}, Count: 10000}
	slow := Histogram{Edges: classic().Edges, Below: []float64{50, 100, 200, 500, 800}, Count: 1000}
	require.Greater(t, QuantileClaim(slow, stable, 0.99), math.Log(100))
	require.Less(t, QuantileClaim(stable, stable, 0.99), 0.0)
	require.Less(t, QuantileClaim(Histogram{}, Histogram{}, 0.99), math.Log(20.0))
}
