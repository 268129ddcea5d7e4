package sequential

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPhi(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	clustered := func(size float64) (blocks []Residual) {
		for range 400 {
			var canary, stable float64
			for range 100 {
				if random.Float64() < 0.1 {
					canary += size
				} else {
					stable += size
				}
			}
			blocks = append(blocks, NewResidual(Arm{10, canary}, Arm{90, stable}, 1))
		}
		return blocks
	}
	phi, known := Phi(clustered(1))
	require.True(t, known)
	require.InDelta(t, 1, phi, 0.25)
	phi, _ = Phi(clustered(1), clustered(9))
	require.InDelta(t, 9, phi, 2)
	phi, _ = Phi(clustered(200))
	require.InDelta(t, 50, phi, 0)
	phi, known = Phi(clustered(9)[:fewestBlocks-1])
	require.False(t, known)
	require.InDelta(t, 1, phi, 0)
}

func TestNoise(t *testing.T) {
	noise := NewNoise()
	require.InDelta(t, 8, noise.Phi(), 0)
	for k := range 4000 {
		noise.Add(Arm{10, 10}, Arm{90, 90}, int64(k/4))
	}
	require.Less(t, noise.Phi(), 1.5, "no noise at all")

	worse := NewNoise()
	for k := range 4000 {
		worse.Add(Arm{150, 7.5}, Arm{1350, 13.5}, int64(k/4))
	}
	require.Less(t, worse.Phi(), 1.5, "a canary that is worse is no noise")
}

func TestGuard(t *testing.T) {
	for name, c := range map[string]struct {
		events []float64
		want   []bool
	}{
		"back at once":                    {[]float64{300, 15, 300}, []bool{false, true, true}},
		"two steps":                       {[]float64{1000, 1800, 3400}, []bool{false, false, true}},
		"chance":                          {[]float64{15, 22, 9, 17}, []bool{false, false, false, false}},
		"an incident begins and ends":     {[]float64{15, 300, 310, 290, 15, 14, 15}, []bool{false, true, true, false, true, true, false}},
		"a few errors after none":         {[]float64{0, 6, 0}, []bool{false, false, false}},
		"many errors after none":          {[]float64{0, 25}, []bool{false, true}},
		"a large step of less than twice": {[]float64{1000, 1900}, []bool{false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			var guard Guard
			for k, events := range c.events {
				require.Equal(t, c.want[k], guard.Jumps(Arm{150, 0}, Arm{1350, events}), "interval %d", k)
			}
		})
	}
}

func TestConfirm(t *testing.T) {
	confirm := NewConfirm(2)
	require.Zero(t, confirm.Log())
	confirm.Add(7)
	require.Zero(t, confirm.Log())
	confirm.Add(5)
	require.InDelta(t, 5, confirm.Log(), 0)
	confirm.Add(9)
	require.InDelta(t, 5, confirm.Log(), 0)
	confirm.Add(8)
	require.InDelta(t, 8, confirm.Log(), 0)
}

func TestDifferenceIsStratified(t *testing.T) {
	// The base rate and the share of b rise together: pooled, b would look worse.
	test := NewDifference(20000)
	test.Add(100000, Arm{9000, 90}, Arm{1000, 10})
	test.Add(500000, Arm{5000, 100}, Arm{5000, 100})
	difference, _, half := test.Range(0.05, 1)
	require.InDelta(t, 0, difference, 1e-12)
	require.Greater(t, half, 0.0)
}
