package providertest

import (
	"context"
	"fmt"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	schemacel "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// APIServer does with an object what the API server does for its CRD: defaults, schema, list types and CEL rules.
type APIServer struct {
	structural *schema.Structural
	schema     validation.SchemaValidator
	rules      *schemacel.Validator
}

// NewAPIServer reads the manifest of a CRD of one version. It takes a second where there are rules to compile.
func NewAPIServer(manifest []byte) (APIServer, error) {
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(manifest, &crd); err != nil {
		return APIServer{}, err
	}
	var internal apiextensions.JSONSchemaProps
	props := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(props, &internal, nil); err != nil {
		return APIServer{}, err
	}
	structural, err := schema.NewStructural(&internal)
	if err != nil {
		return APIServer{}, err
	}
	validator, _, err := validation.NewSchemaValidator(&internal)
	if err != nil {
		return APIServer{}, err
	}
	return APIServer{structural, validator, schemacel.NewValidator(structural, true, celconfig.PerCallLimit)}, nil
}

// Defaulted returns the object as the API server stores it.
func (s APIServer) Defaulted(obj *unstructured.Unstructured) *unstructured.Unstructured {
	out := obj.DeepCopy()
	defaulting.Default(out.Object, s.structural)
	return out
}

// Refuses says what the API server would refuse of an object.
func (s APIServer) Refuses(obj *unstructured.Unstructured) error {
	content := s.Defaulted(obj).Object
	errs := validation.ValidateCustomResource(nil, content, s.schema)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, s.structural, content)...)
	if len(errs) == 0 {
		//nolint:forbidigo // only tests call this
		found, _ := s.rules.Validate(context.Background(), field.NewPath(""), s.structural, content, nil, celconfig.RuntimeCELCostBudget)
		errs = append(errs, found...)
	}
	return errs.ToAggregate()
}

// Parse reads an object that a test's author wrote; it panics if that is none.
func Parse(manifest string) *unstructured.Unstructured {
	out := &unstructured.Unstructured{}
	text, err := yaml.YAMLToJSON([]byte(manifest))
	if err == nil {
		err = out.UnmarshalJSON(text)
	}
	if err != nil {
		panic(fmt.Sprintf("parse %s: %v", manifest, err))
	}
	return out
}
