// Command gitops answers what Argo CD, kubectl and Flux make of an object, by their own code. It reads questions from its
// input, one JSON document each, and writes an answer to each; KUBECONFIG names the cluster.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
)

// question is what the tests ask.
type question struct {
	// Do is sync, compare or health.
	Do string
	// Manifest is what Git says; for sync and compare.
	Manifest *unstructured.Unstructured
	// Live is the object in the cluster; for compare and health.
	Live *unstructured.Unstructured
	// ServerSideApply is Argo CD's sync option of that name.
	ServerSideApply bool
	// ServerSideDiff is Argo CD's compare option of that name.
	ServerSideDiff bool
	// Application is the YAML of one of Argo CD's, whose ignoreDifferences are heeded; empty means none.
	Application string
}

// answer is what the tools say.
type answer struct {
	// Differs are the paths in which the live object is not what it would be after a sync.
	Differs []string
	// Health by tool: kubectl, Argo CD and kstatus.
	Health map[string]string
	// Error is empty if all went well.
	Error string
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gitops:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return fmt.Errorf("read kubeconfig: %w", err)
	}
	argo, err := newArgoCD(config)
	if err != nil {
		return err
	}
	defer argo.close()
	questions, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var q question
		if err := questions.Decode(&q); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read question: %w", err)
		}
		a, err := argo.answer(q)
		if err != nil {
			a.Error = err.Error()
		}
		if err := answers.Encode(a); err != nil {
			return fmt.Errorf("write answer: %w", err)
		}
	}
}

func (a *argoCD) answer(q question) (answer, error) {
	switch q.Do {
	case "sync":
		return answer{}, a.sync(q.Manifest, q.ServerSideApply)
	case "compare":
		paths, err := a.compare(q)
		return answer{Differs: paths}, err
	case "health":
		says, err := healthOf(q.Live)
		return answer{Health: says}, err
	}
	return answer{}, fmt.Errorf("unknown question %q", q.Do)
}
