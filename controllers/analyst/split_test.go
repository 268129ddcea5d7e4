package analyst

import (
	"encoding/csv"
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// columns are those of a metric's series; what isn't known is NaN.
func columns(t *testing.T, m v1alpha1.MetricStatus) map[string][]float64 {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(m.Series)).ReadAll()
	require.NoError(t, err)
	all := map[string][]float64{}
	for _, row := range rows[1:] {
		for k, text := range row {
			v, err := strconv.ParseFloat(text, 64)
			if text == "" {
				v, err = math.NaN(), nil
			}
			require.NoError(t, err)
			all[rows[0][k]] = append(all[rows[0][k]], v)
		}
	}
	return all
}

// TestSharesOfASplit: the series has the canary's share as counted beside the one that was declared, however many points became one.
func TestSharesOfASplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(2), released()
		a := atTenth(t, w, w, r)
		e, _ := a.judge(r, 4*time.Minute)
		split := columns(t, e.Record.Metrics[2])
		for k, declared := range split["stable"] {
			require.InDelta(t, 0.1, declared, 1e-9, e.Record.Metrics[2].Series)
			require.InDelta(t, 0.1, split["canary"][k], 0.03)
		}
		w.shift(0.5)
		enter(r, "half")
		e, _ = a.judge(r, time.Hour)
		split = columns(t, e.Record.Metrics[2])
		last := len(split["stable"]) - 1
		require.InDelta(t, 0.5, split["stable"][last], 1e-9)
		for k, declared := range split["stable"] {
			require.InDelta(t, declared, split["canary"][k], 0.05, e.Record.Metrics[2].Series)
		}
	})
}

// TestShareThatNobodyDeclared: where users are kept the share is that of those who came, and there is none beside it.
func TestShareThatNobodyDeclared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := steady(2), released()
		r.Spec.Policy.Strategy.Stickiness = &v1alpha1.Stickiness{}
		a := atTenth(t, w, w, r)
		e, _ := a.judge(r, 4*time.Minute)
		split := columns(t, e.Record.Metrics[2])
		require.NotEmpty(t, split["stable"])
		for k, declared := range split["stable"] {
			require.True(t, math.IsNaN(declared), e.Record.Metrics[2].Series)
			require.InDelta(t, 0.1, split["canary"][k], 0.03)
		}
	})
}
