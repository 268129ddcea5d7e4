package gatewayapi_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/trafficrouting/gatewayapi"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

// kinds are those of this package.
var kinds = map[string]gatewayapi.Route{
	"HTTPRoute": gatewayapi.HTTPRoute(), "GRPCRoute": gatewayapi.GRPCRoute(), "TCPRoute": gatewayapi.TCPRoute(), "TLSRoute": gatewayapi.TLSRoute(),
}

// servers are loaded once, by kind and channel: compiling the rules takes a second.
var servers = sync.OnceValue(func() map[string]map[string]providertest.APIServer {
	out := map[string]map[string]providertest.APIServer{}
	load := func(kind, plural, channel string) {
		manifest, err := os.ReadFile("testdata/" + plural + ".v1.6.3." + channel + ".yaml")
		if err != nil {
			panic(err)
		}
		server, err := providertest.NewAPIServer(manifest)
		if err != nil {
			panic(err)
		}
		if out[kind] == nil {
			out[kind] = map[string]providertest.APIServer{}
		}
		out[kind][channel] = server
	}
	for _, channel := range []string{"standard", "experimental"} {
		for kind := range kinds {
			load(kind, strings.ToLower(kind)+"s", channel)
		}
		load("BackendTLSPolicy", "backendtlspolicies", channel)
	}
	load("XBackendTrafficPolicy", "xbackendtrafficpolicies", "experimental")
	return out
})

// channels are the API servers for a route's or policy's kind.
func channels(route *unstructured.Unstructured) map[string]providertest.APIServer {
	return servers()[route.GetKind()]
}

// admit requires what both channels have in common, and that a route that is stored unchanged stays so
// when it is written: else every look would find a difference.
func admit(route *unstructured.Unstructured) error {
	for name, server := range channels(route) {
		if err := server.Refuses(route); err != nil {
			text, _ := json.Marshal(route.Object["spec"])
			return fmt.Errorf("admit to the %s channel: %w\n%s", name, err, text)
		}
	}
	return nil
}

// stored parses a route and returns it as the API server stores it.
func stored(manifest string) *unstructured.Unstructured {
	route := parse(manifest)
	return channels(route)["standard"].Defaulted(route)
}

func parse(manifest string) *unstructured.Unstructured { return providertest.Parse(manifest) }

func show(route *unstructured.Unstructured) string {
	text, err := yaml.Marshal(route.Object)
	if err != nil {
		panic(err)
	}
	return string(text)
}
