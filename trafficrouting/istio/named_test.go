package istio_test

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting/istio"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

func TestNamedRulesContract(t *testing.T) {
	providertest.RunNamed(t, istio.New(), fixtures(), providertest.Named{
		Routes: []string{"several rules", "a rule that has our header", "two Services, two rules"},
		Name: func(route *unstructured.Unstructured) []string {
			var names []string
			for i, rule := range rulesOf(route) {
				rule := rule.(object)
				if rule["name"] == nil {
					rule["name"] = fmt.Sprintf("rule-%d", i)
				}
				names = append(names, rule["name"].(string))
			}
			return names
		},
		Aim: func(route *unstructured.Unstructured, name, service, instead string) {
			for _, rule := range rulesOf(route) {
				rule := rule.(object)
				if rule["name"] != name {
					continue
				}
				destinations, _ := rule["route"].([]any)
				for _, d := range destinations {
					destination := d.(object)["destination"].(object)
					switch destination["host"] {
					case service:
						destination["host"] = instead
					case service + ".shop.svc.cluster.local":
						destination["host"] = instead + ".shop.svc.cluster.local"
					}
				}
			}
		},
	})
}
