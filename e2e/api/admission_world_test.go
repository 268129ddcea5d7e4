package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/admission"
)

const (
	stable = "app:v1"
	canary = "app:v2"
	newer  = "app:v3"

	// What foreign hands write with, and how the tools of GitOps call themselves.
	tool = "gitops"
)

// world is a namespace in which gate and guards are in effect.
type world struct {
	namespace string
	// user is anybody; ours is the controller.
	user, ours dynamic.Interface
}

// newWorld puts gate and guards into effect in a namespace of their own.
func newWorld(t *testing.T, install func(*testing.T, kubernetes.Interface, admission.Options)) *world {
	t.Helper()
	client, err := kubernetes.NewForConfig(config(t))
	require.NoError(t, err)
	namespace, err := client.CoreV1().Namespaces().Create(t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "admission-"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	name := namespace.Name
	// By then the test's own context has ended.
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() { _ = client.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{}) })
	controller := "system:serviceaccount:" + name + ":crossfade"
	install(t, client, admission.Options{
		Name: name, Controllers: []string{controller}, Ignored: admission.DefaultIgnored,
		Namespaces: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: name}},
	})
	w := &world{namespace: name, user: as(t, "alice"), ours: as(t, controller)}
	w.await(t)
	return w
}

// await polls the probe, and a pin, until both tables are in effect.
func (w *world) await(t *testing.T) {
	t.Helper()
	name := w.idle(t)
	require.Eventually(t, func() bool { return admission.ProbeHeld(w.probe(t, name)) }, 20*time.Second, 100*time.Millisecond)
	service := w.pinned(t)
	require.Eventually(t, func() bool {
		answer, err := w.services(w.user).Patch(t.Context(), service, types.MergePatchType,
			[]byte(`{"spec":{"selector":{"pod-template-hash":null}}}`), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
		require.NoError(t, err)
		return text(answer, "spec", "selector", v1alpha1.LabelTemplateHash) != ""
	}, 20*time.Second, 100*time.Millisecond)
}

func (w *world) deployments(who dynamic.Interface) dynamic.ResourceInterface {
	return who.Resource(schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}).Namespace(w.namespace)
}

func (w *world) services(who dynamic.Interface) dynamic.ResourceInterface {
	return who.Resource(schema.GroupVersionResource{Version: "v1", Resource: "services"}).Namespace(w.namespace)
}

// manifest is what Git says: it names all fields that a Release borrows.
func manifest(name, image string) *unstructured.Unstructured {
	return parse(fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata:
  name: %[1]s
  labels: {team: shop}
  annotations: {docs: "https://example.com"}
spec:
  replicas: 2
  minReadySeconds: 1
  progressDeadlineSeconds: 600
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%%, maxUnavailable: 1}}
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: app, image: %[2]q}]
`, name, image))
}

// idle makes an armed workload that runs the stable version, as a tool applied it.
func (w *world) idle(t *testing.T) string {
	t.Helper()
	name := unique(t)
	w.apply(t, manifest(name, stable), metav1.ApplyOptions{FieldManager: tool})
	w.patch(t, w.ours, name, types.MergePatchType, fmt.Sprintf(`{"metadata":{"labels":{%q:%q}}}`, v1alpha1.LabelRollout, name))
	return name
}

// held makes one whose new template the gate holds.
func (w *world) held(t *testing.T) string {
	t.Helper()
	name := w.idle(t)
	w.apply(t, manifest(name, canary), metav1.ApplyOptions{FieldManager: tool})
	return name
}

// borrowed makes one with a canary pod beside its stable ones: our values are in its fields.
func (w *world) borrowed(t *testing.T) string {
	t.Helper()
	name := w.held(t)
	w.borrow(t, name)
	return name
}

// original is what the controller notes of the fields in manifest, as Go encodes it.
const original = `{"minReadySeconds":1,"progressDeadlineSeconds":600,` +
	`"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":1,"maxSurge":"25%"}}}`

func (w *world) borrow(t *testing.T, name string) {
	t.Helper()
	w.patch(t, w.ours, name, types.MergePatchType, fmt.Sprintf(`{
		"metadata": {"annotations": {%q: %q, %q: "checkout-1/0001"}},
		"spec": {"paused": null, "minReadySeconds": 2147483646, "progressDeadlineSeconds": 2147483647,
			"strategy": {"rollingUpdate": {"maxSurge": "50%%", "maxUnavailable": 0}},
			"template": {"metadata": {"annotations": {%q: null}}}}}`,
		v1alpha1.AnnotationOriginal, original, v1alpha1.AnnotationRelease, v1alpha1.AnnotationPending))
}

func (w *world) get(t *testing.T, name string) *unstructured.Unstructured {
	t.Helper()
	live, err := w.deployments(w.user).Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return live
}

func (w *world) patch(t *testing.T, who dynamic.Interface, name string, kind types.PatchType, body string) *unstructured.Unstructured {
	t.Helper()
	answer, err := w.deployments(who).Patch(t.Context(), name, kind, []byte(body), metav1.PatchOptions{})
	require.NoError(t, err)
	return answer
}

func (w *world) apply(t *testing.T, obj *unstructured.Unstructured, o metav1.ApplyOptions) *unstructured.Unstructured {
	t.Helper()
	answer, err := w.deployments(w.user).Apply(t.Context(), obj.GetName(), obj, o)
	require.NoError(t, err)
	return answer
}

// update reads, changes and writes a workload, again if somebody else wrote it in between.
func (w *world) update(t *testing.T, who dynamic.Interface, name string, change func(live *unstructured.Unstructured)) {
	t.Helper()
	require.NoError(t, retry.RetryOnConflict(wait.Backoff{Duration: 20 * time.Millisecond, Steps: 100}, func() error {
		live := w.get(t, name)
		change(live)
		_, err := w.deployments(who).Update(t.Context(), live, metav1.UpdateOptions{})
		return err
	}))
}

// probe sends the controller's probe.
func (w *world) probe(t *testing.T, name string) *unstructured.Unstructured {
	t.Helper()
	answer, err := w.deployments(w.ours).Update(t.Context(), admission.ProbeUpdate(w.get(t, name)),
		metav1.UpdateOptions{DryRun: []string{metav1.DryRunAll}, FieldManager: v1alpha1.ProbeFieldManager})
	require.NoError(t, err)
	return answer
}

// pinned makes a Service that is pinned to one revision, and returns its name.
func (w *world) pinned(t *testing.T) string {
	t.Helper()
	name := unique(t)
	service := serviceManifest(name)
	_, err := w.services(w.user).Apply(t.Context(), name, service, metav1.ApplyOptions{FieldManager: tool})
	require.NoError(t, err)
	_, err = w.services(w.ours).Patch(t.Context(), name, types.MergePatchType, []byte(fmt.Sprintf(
		`{"metadata":{"labels":{%q:"checkout"}},"spec":{"selector":{%q:"abc"}}}`, v1alpha1.LabelPinned, v1alpha1.LabelTemplateHash)),
		metav1.PatchOptions{FieldManager: v1alpha1.FieldManager})
	require.NoError(t, err)
	return name
}

func serviceManifest(name string) *unstructured.Unstructured {
	return parse(fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: %s, labels: {team: shop}}
spec:
  selector: {app: checkout}
  ports: [{name: http, port: 80, protocol: TCP, targetPort: 8080}]
`, name))
}

func parse(text string) *unstructured.Unstructured {
	obj := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &obj.Object); err != nil {
		panic(err)
	}
	// Numbers as the clients read them.
	raw, err := obj.MarshalJSON()
	if err == nil {
		err = obj.UnmarshalJSON(raw)
	}
	if err != nil {
		panic(err)
	}
	return obj
}

func text(obj *unstructured.Unstructured, path ...string) string {
	s, _, _ := unstructured.NestedString(obj.Object, path...)
	return s
}

func encode(t *testing.T, value any) string {
	t.Helper()
	out, err := json.Marshal(value)
	require.NoError(t, err)
	return string(out)
}

// content is an object but for what every write changes.
func content(obj *unstructured.Unstructured) map[string]any {
	obj = obj.DeepCopy()
	for _, field := range []string{"managedFields", "resourceVersion", "generation"} {
		unstructured.RemoveNestedField(obj.Object, "metadata", field)
	}
	unstructured.RemoveNestedField(obj.Object, "metadata", "annotations", "deployment.kubernetes.io/revision")
	delete(obj.Object, "status")
	return obj.Object
}

// made counts the names that were given.
var made atomic.Int64

// unique is a name of the test's own.
func unique(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("w%d", made.Add(1))
}
