// Command render prints the admission policies and their bindings as YAML, by default as a Helm
// template: go run ./controllers/admission/render > charts/crossfade/templates/admission.yaml
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"

	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/controllers/admission"
)

// defaultController is the chart's service account.
const defaultController = "system:serviceaccount:{{ .Release.Namespace }}:crossfade"

func main() {
	name := flag.String("name", "crossfade", "what the objects' names begin with")
	controllers := flag.String("controllers", defaultController,
		"user names whose writes are the controller's, separated by commas")
	ignored := flag.String("ignored", strings.Join(admission.DefaultIgnored, ","),
		"pod-template annotations whose change alone is no new version, separated by commas")
	permissions := flag.Bool("permissions", false, "print the policies by which RBAC decides what people may ask for, instead of gate and guards")
	flag.Parse()
	what := render
	if *permissions {
		what = renderPermissions
	}
	out, err := what(admission.Options{Name: *name, Controllers: split(*controllers), Ignored: split(*ignored)})
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

func render(o admission.Options) ([]byte, error) {
	var objects []any
	for _, p := range admission.Policies(o) {
		objects = append(objects, p)
	}
	for _, b := range admission.Bindings(o) {
		objects = append(objects, b)
	}
	return encode("# Rendered from controllers/admission; do not edit.\n", objects)
}

// renderPermissions are policies that every supported API server serves, and so a file of their own.
func renderPermissions(o admission.Options) ([]byte, error) {
	var objects []any
	for _, p := range admission.Permissions(o) {
		objects = append(objects, p)
	}
	for _, b := range admission.PermissionBindings(o) {
		objects = append(objects, b)
	}
	return encode("# Rendered from controllers/admission; do not edit.\n", objects)
}

func encode(head string, objects []any) ([]byte, error) {
	out := bytes.NewBufferString(head)
	for _, obj := range objects {
		text, err := yaml.Marshal(obj)
		if err != nil {
			return nil, fmt.Errorf("encode policy: %w", err)
		}
		out.WriteString("---\n")
		out.Write(text)
	}
	return out.Bytes(), nil
}
