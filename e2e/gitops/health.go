package main

import (
	"fmt"
	"strings"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/kubectl/pkg/polymorphichelpers"
)

// healthOf asks kubectl rollout status, Argo CD with its built-in Lua checks, and kstatus, which Flux goes by.
func healthOf(obj *unstructured.Unstructured) (map[string]string, error) {
	says := map[string]string{"argo": "none"}
	found, err := health.GetResourceHealth(obj, lua.ResourceHealthOverrides(settings))
	if err != nil {
		return nil, err
	}
	if found != nil {
		says["argo"] = string(found.Status)
	}
	result, err := status.Compute(obj)
	if err != nil {
		return nil, fmt.Errorf("ask kstatus: %w", err)
	}
	says["kstatus"] = string(result.Status)
	viewer, err := polymorphichelpers.StatusViewerFor(obj.GroupVersionKind().GroupKind())
	if err != nil {
		return says, nil //nolint:nilerr // kubectl knows no status of this kind
	}
	message, done, err := viewer.Status(obj, 0)
	switch {
	case err != nil:
		says["kubectl"] = "fails: " + err.Error()
	case done:
		says["kubectl"] = "done"
	default:
		says["kubectl"] = "waits: " + strings.TrimSpace(message)
	}
	return says, nil
}
