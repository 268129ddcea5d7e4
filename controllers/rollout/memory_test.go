package rollout

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// TestDoubtOutlivesALook: what changes while a Rollout is looked at has it looked at again.
func TestDoubtOutlivesALook(t *testing.T) {
	rollout := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{UID: "u1"}}
	for name, doubt := range map[string]func(*memory){
		"of one": func(m *memory) { m.doubt("u1") },
		"of all": func(m *memory) { m.doubtAll() },
	} {
		t.Run(name, func(t *testing.T) {
			var m memory
			before := m.doubts("u1")
			doubt(&m)
			m.settle(rollout, "as it was", before)
			require.False(t, m.settledIn(rollout, "as it was"))
			m.settle(rollout, "as it is", m.doubts("u1"))
			require.True(t, m.settledIn(rollout, "as it is"))
		})
	}
}
