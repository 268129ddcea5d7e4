package providertest

import (
	"encoding/json"
	"maps"
	"regexp"
	"strings"

	"crossfade.io/crossfade/trafficrouting"
)

// Arrival is what headers have become of on the way to a backend, and what an answer gets on the way back. A model of a
// data plane that changes headers has it in its keys.
type Arrival struct {
	Headers map[string]string `json:"headers"` // by lower-case name; several values of one are joined
	Cookies []string          `json:"cookies"` // values of Set-Cookie
}

// arrived begins an Arrival in a key.
const arrived = "|arrived "

// Arrive is a request that nothing changes.
func Arrive(r Request) Arrival { return Arrival{Headers: maps.Clone(r.Headers)} }

// Change returns what becomes of it by operations on headers.
func (a Arrival) Change(set, add map[string]string, remove []string) Arrival {
	out := Arrival{Headers: map[string]string{}, Cookies: append([]string(nil), a.Cookies...)}
	maps.Copy(out.Headers, a.Headers)
	for _, name := range remove {
		delete(out.Headers, strings.ToLower(name))
	}
	for name, value := range set {
		out.Headers[strings.ToLower(name)] = value
	}
	for name, value := range add {
		name = strings.ToLower(name)
		if had, ok := out.Headers[name]; ok {
			value = had + ", " + value
		}
		out.Headers[name] = value
	}
	return out
}

// Key is how it stands in a key.
func (a Arrival) Key() string {
	text, _ := json.Marshal(a)
	return arrived + string(text)
}

// changed is how a Service is called once a share changes headers.
func changed(how string, h *trafficrouting.Headers) string {
	way, text, ok := strings.Cut(how, arrived)
	var a Arrival
	read := json.NewDecoder(strings.NewReader(text))
	if h == nil || !ok || read.Decode(&a) != nil {
		return how
	}
	if m := h.Request; m != nil {
		set, add := map[string]string{}, map[string]string{}
		for _, header := range m.Set {
			set[header.Name] = header.Value
		}
		for _, header := range m.Add {
			add[header.Name] = header.Value
		}
		a = a.Change(set, add, m.Remove)
	}
	if h.SetCookie != "" {
		a.Cookies = append(a.Cookies, h.SetCookie)
	}
	return way + a.Key() + text[read.InputOffset():]
}

// CopyKey is the key of a Service that gets copies on a port, which may be unknown.
func CopyKey(service, port string) string { return "copy|" + service + ":" + port }

var port = regexp.MustCompile(`(?:port|number)"?:(\d+)`)

// portOf is the port by which a Service is called.
func portOf(how string) string {
	if m := port.FindStringSubmatch(how); m != nil {
		return m[1]
	}
	return ""
}

// alone says whether what the Service gets of each request is all of it, on one way, so that a whole rule can be mirrored
// or have its headers changed.
func (c contract) alone(service string) bool {
	for _, r := range c.Requests {
		backends, named := 0, false
		for key, share := range c.Serve(c.user, r) {
			if share.Sign() == 0 || strings.HasPrefix(key, "copy|") {
				continue
			}
			backends++
			named = named || strings.HasPrefix(key, service+"|") || strings.HasPrefix(key, service+chosen+"|")
		}
		if named && backends > 1 {
			return false
		}
	}
	return true
}
