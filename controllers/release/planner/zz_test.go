package planner_test

import (
	"fmt"
	"os"
	"strings"
)

func init() { trace = os.Getenv("TRACE") != "" }

func (g *guardian) trace(what string) {
	if !trace {
		return
	}
	var text strings.Builder
	for _, rs := range g.w.model.ReplicaSets {
		o := rs.Object["spec"].(map[string]any)
		st, _ := rs.Object["status"].(map[string]any)
		n := 0
		for _, p := range g.w.model.Pods {
			if p.Owner == rs.GetUID() && p.Ready && !p.Terminating {
				n++
			}
		}
		fmt.Fprintf(&text, " | %v want, %d serve, avail %v, minReady %v, notes %s/%s", o["replicas"], n, st["availableReplicas"], o["minReadySeconds"], rs.GetAnnotations()["deployment.kubernetes.io/desired-replicas"], rs.GetAnnotations()["deployment.kubernetes.io/max-replicas"])
	}
	d := g.w.model.Deployment.Object["spec"].(map[string]any)
	fmt.Printf("%s %-60.60s r=%v paused=%v %v min=%v%s\n", g.w.offset(), what, d["replicas"], d["paused"], d["strategy"].(map[string]any)["rollingUpdate"], d["minReadySeconds"], text.String())
}
