package planner_test

import (
	"strings"
	"time"
	"crossfade.io/crossfade/workload/nativedeployment"
	"fmt"
	"testing"
)

func TestZZ(t *testing.T) {
	for _, c := range [][3]int32{{10, 4, 0}, {10, 1, 0}, {4, 1, 0}, {10, 4, 1}, {10, 3, 1}, {10, 2, 1}, {10, 1, 1}, {20, 5, 1}, {20, 2, 1}} {
		w := newWorld(t, options{replicas: int(c[0])})
		w.model = nativedeployment.New(parse(t, strings.Replace(fmt.Sprintf(deploymentYAML, c[0], 0), "maxSurge: 25%, maxUnavailable: 25%", "maxSurge: 1, maxUnavailable: 0", 1)))
		_ = w.model.Settle()
		w.model.Advance(time.Hour)
		w.begun = w.model.Now
		w.image("checkout:2")
		w.at("ten")
		w.scale(c[1])
		fmt.Println("== from", c[0], "to", c[1], "planner late:", c[2] == 1)
		w.watch = func(what string) {
			if what != "the Deployment controller looked" && what != "the ReplicaSet controller looked" {
				return
			}
			for _, rs := range w.model.ReplicaSets {
				st := rs.Object["status"].(map[string]any)
				fmt.Print(rs.Object["spec"].(map[string]any)["replicas"], "(avail ", st["availableReplicas"], ") ")
			}
			fmt.Println(what)
		}
		for i := range 5 {
			if i >= 3 || c[2] == 0 {
				w.reconcile()
			}
			w.others()
		}
	}
}
