// Command render prints the admission policies and the webhook's configurations as YAML, by default as Helm templates:
// go run ./controllers/admission/render --print=policies
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/controllers/admission"
	"crossfade.io/crossfade/trafficrouting/providers"
)

// defaultController is the chart's service account.
const defaultController = "system:serviceaccount:{{ .Release.Namespace }}:crossfade"

// releaseNamespace is that of the chart.
const releaseNamespace = "{{ .Release.Namespace }}"

// chosenAnnotations are those of the chart's values.
const chosenAnnotations = "{{ include `crossfade.ignored` . }}"

func main() {
	name := flag.String("name", "crossfade", "what the objects' names begin with")
	controllers := flag.String("controllers", defaultController,
		"user names whose writes are the controller's, separated by commas")
	namespace := flag.String("namespace", releaseNamespace, "the controller's namespace")
	ignored := flag.String("ignored", chosenAnnotations,
		"pod-template annotations whose change alone is no new version, separated by commas")
	what := flag.String("print", "policies", "policies, of gate and guards; permissions, by which RBAC decides what people may ask for; "+
		"webhook-routes; webhook-tables, for API servers without the policies")
	flag.Parse()
	out, err := render(*what, admission.Options{Name: *name, Namespace: *namespace, Controllers: split(*controllers), Ignored: split(*ignored)})
	if err == nil {
		_, err = os.Stdout.Write(out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func split(values string) []string {
	return strings.FieldsFunc(values, func(r rune) bool { return r == ',' })
}

func render(what string, o admission.Options) ([]byte, error) {
	var objects []any
	switch what {
	case "policies":
		objects = append(all(admission.Policies(o)), all(admission.Bindings(o))...)
	case "permissions":
		objects = append(all(admission.Permissions(o)), all(admission.PermissionBindings(o))...)
	case "webhook-routes":
		objects = []any{admission.RouteWebhook(o, hook())}
	case "webhook-tables":
		objects = []any{admission.TableWebhook(o, hook())}
	default:
		return nil, fmt.Errorf("--print %q is not understood; see --help", what)
	}
	return encode("# Rendered from controllers/admission; do not edit.\n", objects)
}

func all[T any](typed []T) []any {
	objects := make([]any, len(typed))
	for i, obj := range typed {
		objects[i] = obj
	}
	return objects
}

// hook is the chart's webhook.
func hook() admission.Hook {
	return admission.Hook{
		Gate:   "{{ .Values.webhook.gateFailurePolicy }}",
		Routes: providers.Guarded(),
		Client: func(path string) admissionv1.WebhookClientConfig {
			return admissionv1.WebhookClientConfig{Service: &admissionv1.ServiceReference{
				Name: "crossfade-webhook", Namespace: "{{ .Release.Namespace }}", Path: &path,
			}}
		},
	}
}

func encode(head string, objects []any) ([]byte, error) {
	out := bytes.NewBufferString(head)
	for _, obj := range objects {
		text, err := yaml.Marshal(obj)
		if err != nil {
			return nil, fmt.Errorf("encode YAML: %w", err)
		}
		out.WriteString("---\n")
		out.Write(text)
	}
	return out.Bytes(), nil
}
