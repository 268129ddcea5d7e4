package suite_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pmezard/go-difflib/difflib"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/suite/world"
)

// look is how often a condition is looked at.
const look = 100 * time.Millisecond

// untilWon is how a write is tried again of what others write too.
var untilWon = wait.Backoff{Duration: 20 * time.Millisecond, Steps: 100}

// eventually waits for a condition, which also says what it sees; without it by the deadline, the test ends.
func (s *scenario) eventually(within time.Duration, what string, seen func() (string, bool)) {
	s.t.Helper()
	last := ""
	err := wait.PollUntilContextTimeout(context.WithoutCancel(s.ctx), look, within, true, func(context.Context) (done bool, err error) {
		last, done = seen()
		return done, nil
	})
	require.NoError(s.t, err, "no %s within %s; seen last: %s", what, within, last)
}

// awaitRequests waits until at least count requests sent since then have ended.
func (s *scenario) awaitRequests(since time.Time, count int) {
	s.t.Helper()
	s.eventually(s.patience, fmt.Sprintf("%d requests", count), func() (string, bool) {
		ended := s.records().Between(since, time.Now())
		return fmt.Sprintf("%d requests", len(ended)), len(ended) >= count
	})
}

// logf prints a line that tells which scenario it is of and when it happened.
func (s *scenario) logf(format string, values ...any) {
	s.t.Helper()
	s.t.Logf(time.Now().Format("15:04:05.000 ")+format, values...)
}

// explain prints, after a failure, what the scenario left in the cluster.
func (s *scenario) explain() {
	if !s.t.Failed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var releases v1alpha1.ReleaseList
	_ = shared.Client.List(ctx, &releases, client.InNamespace(s.app.Namespace))
	for _, release := range releases.Items {
		status := release.Status
		status.Decisions = nil // the controller's log has them too
		s.t.Logf("Release %s: control %s\nstatus %s", release.Name, toJSON(release.Spec.Control), toJSON(status))
	}
	var pods corev1.PodList
	_ = shared.Client.List(ctx, &pods, client.InNamespace(s.app.Namespace))
	for _, pod := range pods.Items {
		s.t.Logf("Pod %s: %s %s %v deleted %v %s", pod.Name, pod.Status.PodIP, pod.Status.Phase, pod.Spec.Containers[0].Args, pod.DeletionTimestamp, describe(conditionsOf(pod)))
	}
	var services corev1.ServiceList
	_ = shared.Client.List(ctx, &services, client.InNamespace(s.app.Namespace))
	for _, service := range services.Items {
		s.t.Logf("Service %s: %s", service.Name, service.Spec.ClusterIP)
	}
	s.t.Logf("controller:\n%s", strings.Join(s.controllerLog(ctx), "\n"))
	if s.load != nil {
		failed := s.records().Failed()
		for _, record := range failed[:min(len(failed), 30)] {
			s.t.Logf("failed: %s %s %s %s %d after %s", record.Sent().Format("15:04:05.000"), record.Target, record.Method(), record.Fault, record.Status, record.Latency)
		}
		if len(failed) > 0 {
			s.explainNetwork()
		}
	}
}

// explainNetwork prints where requests went that nobody answered, as far as the node's kernel still knows.
func (s *scenario) explainNetwork() {
	for _, command := range [][]string{
		{"conntrack", "--dump", "--proto", "tcp", "--state", "SYN_SENT"},
		{"ip", "neighbour", "show", "nud", "stale", "nud", "delay", "nud", "probe", "nud", "incomplete", "nud", "failed"},
	} {
		output, err := shared.Inside(s.node, command...).CombinedOutput()
		s.t.Logf("%s: %v\n%s", strings.Join(command, " "), err, output)
	}
}

// controllerLog is what the controller said of this scenario at last.
func (s *scenario) controllerLog(ctx context.Context) []string {
	var pods corev1.PodList
	_ = shared.Client.List(ctx, &pods, client.InNamespace(world.SystemNamespace))
	var lines []string
	for _, pod := range pods.Items {
		stream, err := shared.Kube.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{}).Stream(ctx)
		if err != nil {
			lines = append(lines, err.Error())
			continue
		}
		text, _ := io.ReadAll(stream)
		_ = stream.Close()
		lines = append(lines, strings.Split(string(text), "\n")...)
	}
	lines = slices.DeleteFunc(lines, func(line string) bool { return !strings.Contains(line, `"`+s.app.Namespace+`"`) })
	for i, line := range lines {
		lines[i] = shorten(line)
	}
	return lines[max(0, len(lines)-60):]
}

// shorten keeps what differs from line to line of the controller's log.
func shorten(line string) string {
	fields := map[string]any{}
	if json.Unmarshal([]byte(line), &fields) != nil {
		return line
	}
	text := fmt.Sprint(fields["ts"])
	for _, key := range []string{"level", "msg", "rule", "step", "weight", "message", "reason", "writes", "error"} {
		if value, found := fields[key]; found {
			text += fmt.Sprintf(" %v", value)
		}
	}
	return text
}

func conditionsOf(pod corev1.Pod) []metav1.Condition {
	var conditions []metav1.Condition
	for _, c := range pod.Status.Conditions {
		conditions = append(conditions, metav1.Condition{Type: string(c.Type), Status: metav1.ConditionStatus(c.Status), Reason: c.Reason})
	}
	return conditions
}

// describe gives conditions in one line.
func describe(conditions []metav1.Condition) string {
	var parts []string
	for _, c := range conditions {
		parts = append(parts, strings.TrimRight(fmt.Sprintf("%s=%s %s %s", c.Type, c.Status, c.Reason, c.Message), " "))
	}
	return strings.Join(parts, "; ")
}

// difference shows the lines in which two texts differ, with what is around them.
func difference(from, to string) string {
	text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{A: difflib.SplitLines(from), B: difflib.SplitLines(to), Context: 3})
	if err != nil {
		return err.Error()
	}
	return text
}

func toJSON(value any) string {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}
