package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	gitopsdiff "github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/kube"
	argocommon "github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/argo"
	argodiff "github.com/argoproj/argo-cd/v3/util/argo/diff"
	"github.com/argoproj/argo-cd/v3/util/argo/normalizers"
	argokube "github.com/argoproj/argo-cd/v3/util/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/rest"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	"sigs.k8s.io/yaml"
)

// settings are Argo CD's own defaults: it leaves status alone.
var settings = map[string]v1alpha1.ResourceOverride{
	"*/*": {IgnoreDifferences: v1alpha1.OverrideIgnoreDiff{JSONPointers: []string{"/status"}}},
}

// argoCD syncs and compares as Argo CD's controller does.
type argoCD struct {
	operations kube.ResourceOperations
	dryRunner  gitopsdiff.ServerSideDryRunner
	parser     *managedfields.GvkParser
	tracking   argo.ResourceTracking
	// close removes what was made on disk.
	close func()
}

func newArgoCD(config *rest.Config) (*argoCD, error) {
	kubectl := argokube.NewKubectl()
	operations, closeOne, err := kubectl.ManageResources(config)
	if err != nil {
		return nil, err
	}
	applier, closeOther, err := kubectl.ManageServerSideDiffDryRuns(config)
	if err != nil {
		closeOne()
		return nil, err
	}
	a := &argoCD{
		operations: operations, dryRunner: gitopsdiff.NewK8sServerSideDryRunner(applier), tracking: argo.NewResourceTracking(),
		close: func() { closeOne(); closeOther() },
	}
	if _, a.parser, err = kubectl.LoadOpenAPISchema(config); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// wanted is a manifest with what Argo CD adds to each.
func (a *argoCD) wanted(manifest *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	manifest = manifest.DeepCopy()
	return manifest, a.tracking.SetAppInstance(manifest, argocommon.LabelKeyAppInstance, "shop", "argocd", v1alpha1.TrackingMethodAnnotation, "")
}

// sync applies a manifest.
func (a *argoCD) sync(manifest *unstructured.Unstructured, serverSideApply bool) error {
	wanted, err := a.wanted(manifest)
	if err != nil {
		return err
	}
	_, err = a.operations.ApplyResource(context.Background(), wanted, cmdutil.DryRunNone, false, true, serverSideApply, argocommon.ArgoCDSSAManager)
	return err
}

// compare tells in which fields a live object differs from its manifest.
func (a *argoCD) compare(q question) ([]string, error) {
	var app v1alpha1.Application
	if err := yaml.UnmarshalStrict([]byte(q.Application), &app); err != nil {
		return nil, fmt.Errorf("parse Application: %w", err)
	}
	wanted, err := a.wanted(q.Manifest)
	if err != nil {
		return nil, err
	}
	config, err := argodiff.NewDiffConfigBuilder().
		WithDiffSettings(app.Spec.IgnoreDifferences, settings, true, normalizers.IgnoreNormalizerOpts{}).
		WithTracking(argocommon.LabelKeyAppInstance, string(v1alpha1.TrackingMethodAnnotation)).
		WithNoCache().
		WithGVKParser(a.parser).
		WithManager(argocommon.ArgoCDSSAManager).
		WithStructuredMergeDiff(q.ServerSideApply).
		WithServerSideDiff(q.ServerSideDiff).
		WithServerSideDryRunner(a.dryRunner).
		Build()
	if err != nil {
		return nil, err
	}
	result, err := argodiff.StateDiff(q.Live, wanted, config)
	if err != nil || !result.Modified {
		return nil, err
	}
	var before, after any
	if err := json.Unmarshal(result.NormalizedLive, &before); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(result.PredictedLive, &after); err != nil {
		return nil, err
	}
	return differing("", before, after), nil
}

// differing lists the paths at which two values differ.
func differing(at string, a, b any) []string {
	before, isMap := a.(map[string]any)
	after, areMaps := b.(map[string]any)
	if !isMap || !areMaps {
		one, _ := json.Marshal(a)
		other, _ := json.Marshal(b)
		if string(one) == string(other) {
			return nil
		}
		return []string{strings.TrimPrefix(at, ".")}
	}
	keys := map[string]any{}
	maps.Copy(keys, before)
	maps.Copy(keys, after)
	var paths []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		paths = append(paths, differing(at+"."+key, before[key], after[key])...)
	}
	return paths
}
