package deployment_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/workload/deployment"
	"crossfade.io/crossfade/workload/nativedeployment"
	"crossfade.io/crossfade/workload/workloadtest"
)

// world is the model, as the contract suite drives it.
type world struct{ *nativedeployment.Model }

func (w world) Release(version string) error {
	return w.Gate(func(template map[string]any) {
		template["metadata"].(map[string]any)["annotations"] = map[string]any{"version": version}
	})
}

// checkout is the usual Deployment, with fields that our client does not know.
const checkout = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: checkout
  namespace: shop
  labels: {crossfade.io/rollout: checkout}
  annotations: {team: payments}
spec:
  replicas: %d
  %s
  futureField: {kept: [1, "two"]}
  revisionHistoryLimit: 10
  selector: {matchLabels: {app: checkout}}
  template:
    metadata: {labels: {app: checkout}}
    spec:
      futureField: kept
      containers: [{name: app, image: "checkout:1", ports: [{containerPort: 8080}]}]
`

const usual = `progressDeadlineSeconds: 600
  strategy: {type: RollingUpdate, futureField: kept, rollingUpdate: {maxSurge: 25%, maxUnavailable: 25%}}`

func newModel(t *testing.T, replicas int, fields string) *nativedeployment.Model {
	t.Helper()
	obj := map[string]any{}
	require.NoError(t, yaml.Unmarshal([]byte(fmt.Sprintf(checkout, replicas, fields)), &obj))
	raw, err := (&unstructured.Unstructured{Object: obj}).MarshalJSON()
	require.NoError(t, err)
	deployed := &unstructured.Unstructured{}
	require.NoError(t, deployed.UnmarshalJSON(raw))
	m := nativedeployment.New(deployed)
	require.NoError(t, m.Settle())
	return m
}

func TestContract(t *testing.T) {
	fixture := func(name string, replicas int, fields string) workloadtest.Fixture {
		return workloadtest.Fixture{Name: name, New: func(t *testing.T) workloadtest.World {
			return world{newModel(t, replicas, fields)}
		}}
	}
	workloadtest.Run(t, deployment.Kind{},
		fixture("four pods", 4, usual),
		fixture("one pod", 1, usual),
		fixture("too many for percentages", 101, usual),
		fixture("absolute bounds", 5, `progressDeadlineSeconds: 60
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 3, maxUnavailable: 0}}`),
		fixture("no surge", 3, `strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}`),
		fixture("nothing set", 2, ``),
	)
}
