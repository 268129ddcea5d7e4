package cluster

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
)

// fieldManager owns what the cluster installs.
const fieldManager = "crossfade-cluster"

var definitions = schema.GroupVersionResource{
	Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions",
}

// installBase installs what the components need to be allowed and the
// definitions of the Gateway API, without waiting until these are in effect.
func (b *boot) installBase(ctx context.Context) error {
	files := []string{b.path("config", "base.yaml"), b.spec.Files["gateway-api.yaml"]}
	for _, name := range []string{"istio-crds.yaml", "traefik-crds.yaml"} {
		if crds, ok := b.spec.Files[name]; ok {
			files = append(files, crds)
		}
	}
	objects, err := readObjects(files...)
	if err != nil {
		return err
	}
	if err := b.create(ctx, objects); err != nil {
		return err
	}
	if b.spec.ControlPlaneOnly {
		return b.createNodes(ctx)
	}
	return nil
}

// installGateway installs the class and the Gateway. The API server holds back
// the first objects of a new definition for two seconds, by design.
func (b *boot) installGateway(ctx context.Context) error {
	objects, err := readObjects(b.path("config", "gateway.yaml"))
	if err != nil {
		return err
	}
	return b.create(ctx, objects)
}

// createNodes makes the objects that a real kubelet would make of itself.
func (b *boot) createNodes(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(b.client)
	if err != nil {
		return fmt.Errorf("create client: %w", err)
	}
	for _, n := range b.spec.nodes() {
		simulated := &corev1.Node{ObjectMeta: metav1.ObjectMeta{
			Name: n.Name,
			Labels: map[string]string{
				corev1.LabelHostname:   n.Name,
				corev1.LabelOSStable:   "linux",
				corev1.LabelArchStable: "amd64",
				"type":                 "kwok",
			},
		}}
		if _, err := client.CoreV1().Nodes().Create(ctx, simulated, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("create node %s: %w", n.Name, err)
		}
	}
	return nil
}

// create makes objects in a cluster that has none of them, all at once. Not a server-side
// apply: for the Gateway API's definitions that takes seconds longer.
func (b *boot) create(ctx context.Context, objects []unstructured.Unstructured) error {
	client, err := dynamic.NewForConfig(b.client)
	if err != nil {
		return fmt.Errorf("create client: %w", err)
	}
	var all errgroup.Group
	for _, object := range objects {
		resource := resourceOf(object.GroupVersionKind())
		var target dynamic.ResourceInterface = client.Resource(resource)
		if object.GetNamespace() != "" {
			target = client.Resource(resource).Namespace(object.GetNamespace())
		}
		all.Go(func() error {
			// A resource is served some moments after its definition is established, and
			// a namespace may come after what is in it.
			err := b.until(ctx, func(ctx context.Context) error {
				_, err := target.Create(ctx, &object, metav1.CreateOptions{FieldManager: fieldManager})
				if apierrors.IsAlreadyExists(err) {
					return nil
				}
				return err
			})
			if err != nil {
				return fmt.Errorf("create %s %s: %w", object.GetKind(), object.GetName(), err)
			}
			return nil
		})
	}
	return all.Wait()
}

// resourceOf guesses the plural, which is right for all kinds but one here.
func resourceOf(kind schema.GroupVersionKind) schema.GroupVersionResource {
	if kind.Kind == "Gateway" {
		return kind.GroupVersion().WithResource("gateways")
	}
	resource, _ := meta.UnsafeGuessKindToResource(kind)
	return resource
}

// awaitDefinitions waits until the Gateway API is served.
func (b *boot) awaitDefinitions(ctx context.Context) error {
	client, err := dynamic.NewForConfig(b.client)
	if err != nil {
		return fmt.Errorf("create client: %w", err)
	}
	return b.until(ctx, func(ctx context.Context) error {
		found, err := client.Resource(definitions).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, definition := range found.Items {
			if err := established(definition); err != nil {
				return err
			}
		}
		return nil
	})
}

func established(definition unstructured.Unstructured) error {
	conditions, _, err := unstructured.NestedSlice(definition.Object, "status", "conditions")
	if err != nil {
		return err
	}
	for _, condition := range conditions {
		if c, ok := condition.(map[string]any); ok && c["type"] == "Established" && c["status"] == "True" {
			return nil
		}
	}
	return fmt.Errorf("definition %s: conditions %v", definition.GetName(), conditions)
}

// readObjects reads all documents of YAML files.
func readObjects(paths ...string) ([]unstructured.Unstructured, error) {
	var all []unstructured.Unstructured
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read objects: %w", err)
		}
		objects, err := parseObjects(content)
		if err != nil {
			return nil, fmt.Errorf("read objects of %s: %w", path, err)
		}
		all = append(all, objects...)
	}
	return all, nil
}

func parseObjects(content []byte) ([]unstructured.Unstructured, error) {
	var objects []unstructured.Unstructured
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		var object unstructured.Unstructured
		if err := yaml.Unmarshal(document, &object.Object); err != nil {
			return nil, err
		}
		// A document of comments alone holds no object.
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}
