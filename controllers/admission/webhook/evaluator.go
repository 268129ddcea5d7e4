package webhook

import (
	"context"
	"errors"
	"fmt"

	celgo "github.com/google/cel-go/cel"
	admissionv1 "k8s.io/api/admission/v1"
	policyv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch"
	celbudget "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

// evaluator does to an update what the API server does by a MutatingAdmissionPolicy, with the API server's own
// code. Match conditions are not its business.
type evaluator struct {
	name     string
	compiler *cel.CompositedCompiler
	patchers []patch.Patcher
	objects  admission.ObjectInterfaces
}

// variable is a policy's, as the compiler takes it: of any type.
type variable policyv1.Variable

func (v variable) GetName() string            { return v.Name }
func (v variable) GetExpression() string      { return v.Expression }
func (v variable) ReturnTypes() []*celgo.Type { return []*celgo.Type{celgo.AnyType, celgo.DynType} }

// compile fails on a policy that the API server would refuse.
func compile(policy *policyv1.MutatingAdmissionPolicy) (*evaluator, error) {
	compiler, err := cel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	if err != nil {
		return nil, fmt.Errorf("make a CEL compiler: %w", err)
	}
	e := &evaluator{name: policy.Name, compiler: compiler, objects: admission.NewObjectInterfacesFromScheme(runtime.NewScheme())}
	options := cel.OptionalVariableDeclarations{}
	for _, v := range policy.Spec.Variables {
		result := compiler.CompileAndStoreVariable(variable(v), options, environment.NewExpressions)
		if result.Error != nil {
			return nil, fmt.Errorf("compile variable %s of policy %s: %w", v.Name, policy.Name, result.Error)
		}
	}
	options.HasPatchTypes = true
	for i, m := range policy.Spec.Mutations {
		compiled := compiler.CompileMutatingEvaluator(&patch.JSONPatchCondition{Expression: m.JSONPatch.Expression}, options, environment.NewExpressions)
		if err := errors.Join(compiled.CompilationErrors()...); err != nil {
			return nil, fmt.Errorf("compile mutation %d of policy %s: %w", i, policy.Name, err)
		}
		e.patchers = append(e.patchers, patch.NewJSONPatcher(compiled))
	}
	return e, nil
}

// mutate returns the object that is to be stored.
func (e *evaluator) mutate(ctx context.Context, r *admissionv1.AdmissionRequest, stored, written *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	kind := schema.GroupVersionKind(r.Kind)
	attributes := &admission.VersionedAttributes{
		Attributes: admission.NewAttributesRecord(written, stored, kind, r.Namespace, r.Name,
			schema.GroupVersionResource(r.Resource), r.SubResource, admission.Update, &metav1.UpdateOptions{}, false, nil),
		VersionedObject: admission.NewLazyObject(written), VersionedOldObject: admission.NewLazyObject(stored), VersionedKind: kind,
	}
	ctx = e.compiler.CreateContext(ctx)
	for i, p := range e.patchers {
		out, err := p.Patch(ctx, patch.Request{
			MatchedResource: schema.GroupVersionResource(r.Resource), VersionedAttributes: attributes, ObjectInterfaces: e.objects,
		}, celbudget.RuntimeCELCostBudget)
		if err != nil {
			return nil, fmt.Errorf("mutation %d of policy %s: %w", i, e.name, err)
		}
		attributes.UpdateObject(out)
	}
	out, ok := attributes.VersionedObject.Object().(*unstructured.Unstructured)
	if !ok {
		return nil, fmt.Errorf("policy %s gave a %T", e.name, attributes.VersionedObject.Object())
	}
	return out, nil
}
