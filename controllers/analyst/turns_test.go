package analyst

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// TestNumbersAreToldInTurn: of many Releases that have new numbers at once a few a second are told; whatever decides is told at once.
func TestNumbersAreToldInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const releases = 10 * tellsPerSecond
		w := steady(21)
		a := begin(t, w)
		var mu sync.Mutex
		last, inSecond := map[types.UID]time.Time{}, map[int64]int{}
		var all []*v1alpha1.Release
		judge := func(r *v1alpha1.Release) v1alpha1.Verdict {
			return a.Judge(r, func() {
				mu.Lock()
				defer mu.Unlock()
				last[r.UID] = time.Now()
				inSecond[time.Now().Unix()]++
			}).Verdict
		}
		for n := range releases {
			r := released()
			r.Name, r.UID = fmt.Sprintf("web-%d", n), types.UID(fmt.Sprint(n))
			all = append(all, r)
			defer a.Forget(types.NamespacedName{Namespace: r.Namespace, Name: r.Name})
		}
		each := func(long time.Duration, do func(*v1alpha1.Release)) {
			for start := time.Now(); time.Since(start) < long; <-time.After(time.Second) {
				for _, r := range all {
					do(r)
				}
			}
		}
		each(30*time.Second, func(r *v1alpha1.Release) { judge(r) })
		w.shift(0.1)
		for _, r := range all {
			enter(r, "tenth")
		}
		each(2*time.Minute, func(r *v1alpha1.Release) { judge(r) })
		mu.Lock()
		clear(inSecond)
		mu.Unlock()
		each(2*time.Minute, func(r *v1alpha1.Release) { judge(r) })
		sum := 0
		for second, count := range inSecond {
			require.LessOrEqual(t, count, 2*tellsPerSecond, "in second %d", second)
			sum += count
		}
		require.GreaterOrEqual(t, sum, releases, "all have numbers each minute")

		w.canaryFails(0.2)
		failed := map[types.UID]time.Time{}
		each(3*time.Minute, func(r *v1alpha1.Release) {
			if failed[r.UID].IsZero() && judge(r) == fail {
				failed[r.UID] = time.Now()
				synctest.Wait() // it is published a moment before it is told
				mu.Lock()
				at := last[r.UID]
				mu.Unlock()
				require.WithinDuration(t, time.Now(), at, time.Second, "told at once")
			}
		})
		require.Len(t, failed, releases)
	})
}
