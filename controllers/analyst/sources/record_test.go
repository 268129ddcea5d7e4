package sources_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/analyst"
)

// TestNoSecretIsRecorded: nor does the evidence of a Release have any, of whatever kind the metric is, with whatever the source
// says to it.
func TestNoSecretIsRecorded(t *testing.T) {
	const metrics = `
source: SOURCE
metrics:
- name: value
  threshold: {query: body, success: "true", interval: 1s}
`
	const counters = `
- name: errors
  compare:
    canary: {requests: [a], events: [b]}
    stable: {requests: [c], events: [d]}
`
	for name, handler := range unfit() {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			asked := ""
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				asked += r.Header.Get("Authorization")
				mu.Unlock()
				handler(w, r)
			}))
			defer server.Close()
			w := newWorld(t, secret("shop", "one", "token", canary+"bearer"))
			now := time.Now()
			w.pass(now.Sub(w.now))
			release := release("shop")
			release.CreationTimestamp = metav1.NewTime(now)
			release.Spec.Rollout.Name = "checkout"
			release.Spec.Policy.ServiceRefs = []v1alpha1.ServiceRef{{Name: "checkout"}}
			release.Status.Progress.Stage = v1alpha1.StageStepping
			release.Spec.Policy.Strategy.Steps = []v1alpha1.Step{{Name: "first"}}
			release.Status.Stable, release.Status.Canary = &v1alpha1.RevisionStatus{Revision: "app-1"}, &v1alpha1.RevisionStatus{Revision: "app-2"}
			release.Status.Steps = []v1alpha1.StepStatus{{Name: "first", Visit: 1, EnteredAt: metav1.NewMicroTime(now)}}
			release.Spec.Policy.Analysis = &v1alpha1.AnalysisSpec{}
			for kind, more := range map[string]string{"web": "", "prometheus": counters} {
				var spec v1alpha1.AnalysisTemplateSpec
				text := strings.Replace(metrics+more, "SOURCE", "{"+kind+": {address: "+server.URL+", bearer: {name: one, key: token}}}", 1)
				require.NoError(t, yaml.UnmarshalStrict([]byte(text), &spec))
				kept, err := json.Marshal(spec)
				require.NoError(t, err)
				release.Spec.Policy.Analysis.Templates = append(release.Spec.Policy.Analysis.Templates, v1alpha1.AnalysisTemplateRef{Name: kind})
				release.Spec.AnalysisTemplates = append(release.Spec.AnalysisTemplates, string(kept))
			}
			judge := &analyst.Analyst{Sources: w.sources(""), Clock: time.Now, Context: t.Context()}
			defer judge.Forget(client.ObjectKeyFromObject(release))
			last := ""
			defer func() { t.Log(last) }()
			require.Eventually(t, func() bool {
				evidence := judge.Judge(release, func() {})
				text, err := json.Marshal(evidence)
				require.NoError(t, err)
				last = string(text)
				require.NotContains(t, last, canary)
				mu.Lock()
				defer mu.Unlock()
				return strings.Count(asked, canary) >= 3 && evidence.Unready != ""
			}, 5*time.Second, 20*time.Millisecond)
		})
	}
}
