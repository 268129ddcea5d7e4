// Package manifest reads the objects that tests add to a cluster.
package manifest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"text/template"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// Render gives the objects of a file with what differs from run to run filled in.
func Render(file string, values any) ([]*unstructured.Unstructured, error) {
	parsed, err := template.New("objects").Parse(file)
	if err != nil {
		return nil, fmt.Errorf("parse manifests: %w", err)
	}
	var text bytes.Buffer
	if err := parsed.Execute(&text, values); err != nil {
		return nil, fmt.Errorf("render manifests: %w", err)
	}
	var objects []*unstructured.Unstructured
	for documents := yaml.NewYAMLReader(bufio.NewReader(&text)); ; {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read manifests: %w", err)
		}
		obj := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(document, &obj.Object); err != nil {
			return nil, fmt.Errorf("read manifests: %w", err)
		}
		objects = append(objects, obj)
	}
}
