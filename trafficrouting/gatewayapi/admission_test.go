package gatewayapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"

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

	"crossfade.io/crossfade/trafficrouting/gatewayapi"
)

// apiServer does with a route what the API server does for the CRD of one channel of gateway-api
// v1.6.3: defaults, schema, list types and CEL rules.
type apiServer struct {
	structural *schema.Structural
	schema     validation.SchemaValidator
	rules      *schemacel.Validator
}

// kinds are those of this package.
var kinds = map[string]gatewayapi.Route{
	"HTTPRoute": gatewayapi.HTTPRoute(), "GRPCRoute": gatewayapi.GRPCRoute(), "TCPRoute": gatewayapi.TCPRoute(), "TLSRoute": gatewayapi.TLSRoute(),
}

// servers are loaded once, by kind and channel: compiling the rules takes a second.
var servers = sync.OnceValue(func() map[string]map[string]apiServer {
	out := map[string]map[string]apiServer{}
	for kind := range kinds {
		out[kind] = map[string]apiServer{}
		for _, channel := range []string{"standard", "experimental"} {
			server, err := newAPIServer("testdata/" + strings.ToLower(kind) + "s.v1.6.3." + channel + ".yaml")
			if err != nil {
				panic(err)
			}
			out[kind][channel] = server
		}
	}
	return out
})

// channels are the API servers for a route's kind.
func channels(route *unstructured.Unstructured) map[string]apiServer {
	return servers()[route.GetKind()]
}

func newAPIServer(path string) (apiServer, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return apiServer{}, err
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(text, &crd); err != nil {
		return apiServer{}, err
	}
	var internal apiextensions.JSONSchemaProps
	props := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(props, &internal, nil); err != nil {
		return apiServer{}, err
	}
	structural, err := schema.NewStructural(&internal)
	if err != nil {
		return apiServer{}, err
	}
	validator, _, err := validation.NewSchemaValidator(&internal)
	if err != nil {
		return apiServer{}, err
	}
	return apiServer{structural, validator, schemacel.NewValidator(structural, true, celconfig.PerCallLimit)}, nil
}

// defaulted returns the route as the API server stores it.
func (s apiServer) defaulted(route *unstructured.Unstructured) *unstructured.Unstructured {
	out := route.DeepCopy()
	defaulting.Default(out.Object, s.structural)
	return out
}

// refuses says what the API server would refuse of a route.
func (s apiServer) refuses(route *unstructured.Unstructured) error {
	obj := s.defaulted(route).Object
	errs := validation.ValidateCustomResource(nil, obj, s.schema)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, s.structural, obj)...)
	if len(errs) == 0 {
		found, _ := s.rules.Validate(context.Background(), field.NewPath(""), s.structural, obj, nil, celconfig.RuntimeCELCostBudget)
		errs = append(errs, found...)
	}
	return errs.ToAggregate()
}

// admit requires what both channels have in common, and that a route that is stored unchanged stays so
// when it is written: else every look would find a difference.
func admit(route *unstructured.Unstructured) error {
	for name, server := range channels(route) {
		if err := server.refuses(route); err != nil {
			text, _ := json.Marshal(route.Object["spec"])
			return fmt.Errorf("admit to the %s channel: %w\n%s", name, err, text)
		}
	}
	return nil
}

// stored parses a route and returns it as the API server stores it.
func stored(manifest string) *unstructured.Unstructured {
	route := parse(manifest)
	return channels(route)["standard"].defaulted(route)
}

func parse(manifest string) *unstructured.Unstructured {
	out := &unstructured.Unstructured{}
	text, err := yaml.YAMLToJSON([]byte(manifest))
	if err != nil {
		panic(err)
	}
	if err := out.UnmarshalJSON(text); err != nil {
		panic(err)
	}
	return out
}

func show(route *unstructured.Unstructured) string {
	text, err := yaml.Marshal(route.Object)
	if err != nil {
		panic(err)
	}
	return string(text)
}
