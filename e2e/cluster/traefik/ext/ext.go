// Package ext stands in for the extension points that Traefik keeps in its own
// repository behind a local replace, and that its published module leaves out.
package ext

// HTTP extends the HTTP configuration; the open-source build adds nothing.
type HTTP struct{}

// Router extends the configuration of a router; the open-source build adds nothing.
type Router struct{}
