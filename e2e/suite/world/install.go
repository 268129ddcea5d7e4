package world

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

const (
	// SystemNamespace is where the controller runs.
	SystemNamespace = "crossfade"
	// ControllerName is its Deployment, its container's image and its program.
	ControllerName = "controller"
	// ControllerUser is who the API server sees.
	ControllerUser = "system:serviceaccount:crossfade:crossfade"
	// images is what the names of all images here begin with.
	images = "crossfade.io/"
	// tag is that of all images here.
	tag = "e2e"
)

// LoadImages builds controller and sample app from the working tree, and gives their images to the cluster.
func (w *World) LoadImages(ctx context.Context) error {
	for _, image := range []struct{ name, module, pkg, program string }{
		{ControllerName, ".", "./cmd/crossfade", "crossfade"},
		{"app", "e2e", "./app", "app"},
	} {
		if err := w.Build(ctx, image.module, image.pkg); err != nil {
			return err
		}
		// A process is known by the name of its program.
		if err := os.Rename(w.Program(image.program), w.Program(image.name)); err != nil {
			return fmt.Errorf("name the program of image %s: %w", image.name, err)
		}
		if err := w.Cluster.LoadBinary(ctx, images+image.name+":"+tag, w.Program(image.name), nil); err != nil {
			return err
		}
	}
	return nil
}

// AppImage is the name of the sample app's image, which any pod of the cluster may run.
func AppImage() string { return images + "app:" + tag }

// LoadProgram gives the cluster an image of one of its own programs, for pods, and returns the image's name.
func (w *World) LoadProgram(ctx context.Context, name string) (image string, err error) {
	path, err := w.Cluster.Program(name)
	if err != nil {
		return "", err
	}
	image = images + name + ":" + tag
	return image, w.Cluster.LoadBinary(ctx, image, path, nil)
}

// Install puts Crossfade into the cluster with its chart, as it is in the working tree, and waits until it is ready.
// A controller that runs already is replaced, since its image may have changed under the same tag.
func (w *World) Install(ctx context.Context) error {
	if err := w.installCRDs(ctx); err != nil {
		return err
	}
	helm, err := w.helm(ctx)
	if err != nil {
		return err
	}
	install := exec.CommandContext(ctx, helm, "upgrade", "--install", "crossfade", filepath.Join(w.Checkout, "charts/crossfade"),
		"--kubeconfig", w.Cluster.Kubeconfig(), "--namespace", SystemNamespace, "--create-namespace", "--skip-crds",
		"--wait", "--timeout", "2m",
		"--set", "image.repository="+images+ControllerName, "--set", "image.tag="+tag, "--set", "image.pullPolicy=Never",
		// One, so that the process to be killed is the one that acts.
		"--set", "replicas=1",
		// Soon followed by the next once its lease is free.
		"--set", "leaderElection.retryPeriod=500ms",
		"--set", "probes.enabled=true",
		"--set", "analysis.prometheus.address="+PrometheusURL,
		"--set-json", `routeKinds=[{"group":"traefik.io","resources":["ingressroutes","traefikservices"],"objects":["traefikservices"]}]`,
		"--set-string", fmt.Sprintf("podAnnotations.crossfade-e2e/installed=%d", time.Now().UnixNano()))
	if err := run(install); err != nil {
		return err
	}
	return w.applyAll(ctx, "charts/crossfade/files/routekinds/*.yaml")
}

// Uninstall takes Crossfade out again, but for its CRDs and what is made of them.
func (w *World) Uninstall(ctx context.Context) error {
	helm, err := w.helm(ctx)
	if err != nil {
		return err
	}
	return run(exec.CommandContext(ctx, helm, "uninstall", "crossfade", "--kubeconfig", w.Cluster.Kubeconfig(),
		"--namespace", SystemNamespace, "--wait", "--timeout", "3m"))
}

// Permit gives the controller what the chart gives it in the namespaces that a list of its values names, such as analysis.jobs.
func (w *World) Permit(ctx context.Context, list, namespace string) error {
	helm, err := w.helm(ctx)
	if err != nil {
		return err
	}
	render := exec.CommandContext(ctx, helm, "template", "crossfade", filepath.Join(w.Checkout, "charts/crossfade"),
		"--namespace", SystemNamespace, "--show-only", "templates/analysis.yaml", "--set", list+"={"+namespace+"}")
	render.Stderr = os.Stderr
	rendered, err := render.Output()
	if err != nil {
		return fmt.Errorf("render what %s permits: %w", list, err)
	}
	for _, text := range strings.Split(string(rendered), "\n---\n") {
		obj := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(text), obj); err != nil {
			return fmt.Errorf("parse what %s permits: %w", list, err)
		}
		if err := w.Apply(ctx, obj); err != nil {
			return err
		}
	}
	return nil
}

// installCRDs applies those of the chart: helm never updates them.
func (w *World) installCRDs(ctx context.Context) error {
	return w.applyAll(ctx, "charts/crossfade/crds/*.yaml")
}

// applyAll applies the files of the checkout that match, of which each is one object.
func (w *World) applyAll(ctx context.Context, pattern string) error {
	files, err := filepath.Glob(filepath.Join(w.Checkout, pattern))
	if err != nil {
		return fmt.Errorf("find %s: %w", pattern, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read what to apply: %w", err)
		}
		obj := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(text, obj); err != nil {
			return fmt.Errorf("parse %s: %w", file, err)
		}
		if err := w.Apply(ctx, obj); err != nil {
			return err
		}
	}
	return nil
}

// helm gives the path of helm, which is built if need be.
func (w *World) helm(ctx context.Context) (string, error) {
	tool := exec.CommandContext(ctx, filepath.Join(w.Checkout, "hack/tool.sh"), "helm")
	tool.Stderr = os.Stderr
	path, err := tool.Output()
	if err != nil {
		return "", fmt.Errorf("get helm: %w", err)
	}
	return strings.TrimSpace(string(path)), nil
}

// Apply is a forced server-side apply, as a GitOps tool does it.
func (w *World) Apply(ctx context.Context, obj *unstructured.Unstructured, opts ...client.ApplyOption) error {
	// The answer is written into what was sent, which is not the caller's.
	config := client.ApplyConfigurationFromUnstructured(obj.DeepCopy())
	if err := w.Client.Apply(ctx, config, append([]client.ApplyOption{client.FieldOwner("gitops"), client.ForceOwnership}, opts...)...); err != nil {
		return fmt.Errorf("apply %s %s/%s: %w", obj.GetKind(), obj.GetNamespace(), obj.GetName(), err)
	}
	return nil
}
