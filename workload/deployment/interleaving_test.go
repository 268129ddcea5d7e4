package deployment_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"crossfade.io/crossfade/workload"
)

// Whoever of the parties looks next, and however often before the others do, no stable pod is lost
// while a release goes up, is held, or is superseded.
func TestNoInterleavingCostsAStablePod(t *testing.T) { interleave(t, false) }

// Going down there is a window, from the lower maxSurge to the canary's smaller size, in which somebody's
// pause makes the native controller take the difference from both. Stable is whole again afterwards.
func TestAfterAnyInterleavingStableIsWhole(t *testing.T) { interleave(t, true) }

func interleave(t *testing.T, down bool) {
	t.Helper()
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 0))
		s := newStory(t, 4)
		version, want, log := 1, run(1), []string{}
		for range 120 {
			switch n := random.IntN(20); n {
			case 0, 1:
				least := int32(0)
				if !down {
					least = max(want.Canary, s.observe().Canary.Replicas)
				}
				want = run(max(least, int32(1+random.IntN(4))))
			case 2:
				want = workload.Want{Posture: workload.Hold}
			case 3:
				version++
				s.template(fmt.Sprint(version), true)
				want = workload.Want{Posture: workload.Hold}
				s.known.Canary, s.known.Release = "", fmt.Sprintf("checkout-%d/1", version)
				log = append(log, "gate")
			case 4, 5, 6, 7:
				s.SyncDeployment()
				log = append(log, "deployment")
			case 8, 9, 10, 11:
				s.SyncReplicaSets()
				log = append(log, "replicasets")
			case 12, 13, 14, 15:
				s.Kubelet()
				log = append(log, "kubelet")
			default:
				log = append(log, s.glance(want)...)
			}
			if !down {
				require.GreaterOrEqual(t, s.observe().Stable.Replicas, int32(4), "seed %d: %v", seed, log)
				require.GreaterOrEqual(t, s.observe().Stable.Ready, int32(4), "seed %d: %v", seed, log)
			}
		}
		if want.Posture == workload.Run && version > 1 && s.known.Canary != "" {
			s.reach(want)
			require.Equal(t, int32(4), s.observe().Stable.Ready, "seed %d", seed)
			require.Equal(t, want.Canary, s.observe().Canary.Ready, "seed %d", seed)
			require.Zero(t, s.observe().Others, "seed %d", seed)
		}
	}
}

// glance plans and writes once, giving up at the first conflict.
func (s *story) glance(want workload.Want) []string {
	s.t.Helper()
	var log []string
	for _, w := range s.plan(want) {
		if err := s.Apply(w); err != nil {
			require.True(s.t, apierrors.IsConflict(err), "%v", err)
			break
		}
		log = append(log, w.String())
	}
	if s.known.Canary == "" && s.observe().Borrowed {
		s.known.Canary = s.observe().Canary.UID
	}
	return log
}
