package trafficrouting

import (
	"fmt"
	"strings"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// Headers are what is changed on the way to a backend and back.
type Headers struct {
	// Request are changes of what is asked; nil is none.
	Request *v1alpha1.HeaderModifier `json:"request,omitempty"`
	// SetCookie is a value of the header Set-Cookie that every answer gets beside its own. Empty means none.
	SetCookie string `json:"setCookie,omitempty"`
}

// Mirror sends copies of requests to a backend whose answers nobody gets.
type Mirror struct {
	To Backend `json:"to"`
	// PPM is the part of the requests that is copied, 1–1 000 000 parts per million.
	PPM int32 `json:"ppm"`
}

// headersOf returns the changes; nil where there are none.
func headersOf(request *v1alpha1.HeaderModifier, setCookie string) *Headers {
	if request == nil && setCookie == "" {
		return nil
	}
	return &Headers{Request: request, SetCookie: setCookie}
}

// refusal says in one sentence why the changes are unclear, and the mend.
func (h *Headers) refusal() string {
	if h == nil || h.Request == nil {
		return ""
	}
	seen := map[string]bool{}
	for _, name := range named(h.Request) {
		key := strings.ToLower(name)
		switch {
		case seen[key]:
			return fmt.Sprintf("requestHeaders name the header %s twice, and gateways differ in which comes first; name it once", name)
		case key == "host":
			return "requestHeaders change the header Host, by which gateways route; leave it out"
		}
		seen[key] = true
	}
	return ""
}

// named are the headers that a modifier names.
func named(m *v1alpha1.HeaderModifier) []string {
	names := append([]string(nil), m.Remove...)
	for _, h := range append(append([]v1alpha1.Header(nil), m.Set...), m.Add...) {
		names = append(names, h.Name)
	}
	return names
}
