package lens

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"
)

func TestMaterialPods(t *testing.T) {
	pod := func() *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "a", ResourceVersion: "1", Labels: map[string]string{"app": "a"}},
			Spec:       corev1.PodSpec{NodeName: "n"},
			Status: corev1.PodStatus{
				Phase:             corev1.PodRunning,
				Conditions:        []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}, {Type: corev1.PodInitialized, Status: corev1.ConditionTrue}},
				ContainerStatuses: []corev1.ContainerStatus{{Name: "app", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}},
			},
		}
	}
	waiting := corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull"}}
	cases := map[string]struct {
		change func(*corev1.Pod)
		want   bool
	}{
		"its version alone":        {func(p *corev1.Pod) { p.ResourceVersion = "2" }, false},
		"an annotation":            {func(p *corev1.Pod) { p.Annotations = map[string]string{"a": "b"} }, false},
		"an address":               {func(p *corev1.Pod) { p.Status.PodIP = "10.0.0.1" }, false},
		"a condition nobody reads": {func(p *corev1.Pod) { p.Status.Conditions[1].Status = corev1.ConditionFalse }, false},
		"a probe of readiness":     {func(p *corev1.Pod) { p.Status.Conditions[0].LastProbeTime = metav1.NewTime(time.Unix(9, 0)) }, false},
		"a node found": {func(p *corev1.Pod) {
			p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue})
		}, false},
		"no node found": {func(p *corev1.Pod) {
			p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionFalse})
		}, true},
		"it is ready":         {func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionTrue }, true},
		"it is ready anew":    {func(p *corev1.Pod) { p.Status.Conditions[0].LastTransitionTime = metav1.NewTime(time.Unix(9, 0)) }, true},
		"it goes":             {func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: time.Unix(9, 0)} }, true},
		"it has ended":        {func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, true},
		"a container waits":   {func(p *corev1.Pod) { p.Status.ContainerStatuses[0].State = waiting }, true},
		"a label of it":       {func(p *corev1.Pod) { p.Labels["app"] = "b" }, true},
		"restarts as it runs": {func(p *corev1.Pod) { p.Status.ContainerStatuses[0].RestartCount++ }, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			after := pod()
			c.change(after)
			before, err := slimPod(pod())
			require.NoError(t, err)
			slimmed, err := slimPod(after)
			require.NoError(t, err)
			require.Equal(t, c.want, Material(before, slimmed))
		})
	}
}

func TestMaterialEndpoints(t *testing.T) {
	slice := func(ready bool, version string) *discoveryv1.EndpointSlice {
		return &discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{ResourceVersion: version, Annotations: map[string]string{"at": version}},
			Endpoints:  []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.1"}, Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(ready)}}},
		}
	}
	require.False(t, Material(slice(true, "1"), slice(true, "2")))
	require.True(t, Material(slice(true, "1"), slice(false, "2")))
}

func TestMaterialObjects(t *testing.T) {
	const revision = `{metadata: {name: a, generation: 2, resourceVersion: "1", annotations: {size: "4"}}, spec: {replicas: 4}, status: {observedGeneration: 1, readyReplicas: 1, availableReplicas: 0}}`
	const service = `{metadata: {name: a, resourceVersion: "1"}, spec: {selector: {app: a}}}`
	set := func(value any, path ...string) func(*unstructured.Unstructured) {
		return func(obj *unstructured.Unstructured) { _ = unstructured.SetNestedField(obj.Object, value, path...) }
	}
	cases := map[string]struct {
		text   string
		change func(*unstructured.Unstructured)
		want   bool
	}{
		"its version alone":             {revision, set("2", "metadata", "resourceVersion"), false},
		"pods that are counted by us":   {revision, set(int64(2), "status", "readyReplicas"), false},
		"pods that native code counts":  {revision, set(int64(2), "status", "availableReplicas"), true},
		"its controller has seen it":    {revision, set(int64(2), "status", "observedGeneration"), true},
		"its spec, by its generation":   {revision, set(int64(3), "metadata", "generation"), true},
		"an annotation":                 {revision, set("5", "metadata", "annotations", "size"), true},
		"the spec of a Service":         {service, set("b", "spec", "selector", "app"), true},
		"the version of a Service":      {service, set("2", "metadata", "resourceVersion"), false},
		"somebody's note on the fields": {service, set([]any{map[string]any{"manager": "a"}}, "metadata", "managedFields"), false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			read := func() *unstructured.Unstructured {
				obj := &unstructured.Unstructured{}
				require.NoError(t, yaml.Unmarshal([]byte(c.text), &obj.Object))
				// As the API server's decoder reads numbers.
				for _, path := range [][]string{{"metadata", "generation"}, {"status", "observedGeneration"}} {
					if n, ok, _ := unstructured.NestedFieldNoCopy(obj.Object, path...); ok {
						set(int64(n.(float64)), path...)(obj)
					}
				}
				return obj
			}
			after := read()
			c.change(after)
			before, err := slimRevision(read())
			require.NoError(t, err)
			slimmed, err := slimRevision(after)
			require.NoError(t, err)
			require.Equal(t, c.want, Material(before, slimmed))
		})
	}
}
