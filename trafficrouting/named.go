package trafficrouting

// named is a Provider that splits the rules of a route that have one of these names, and no others.
type named struct {
	Provider
	rules []string
}

// only returns the splits for these rules alone.
func (n named) only(splits []Split) []Split {
	var out []Split
	for _, s := range splits {
		s.Only = n.rules
		out = append(out, s)
	}
	return out
}

// Render is the Provider's.
func (n named) Render(live Objects, owner Owner, splits []Split) (Objects, error) {
	return n.Provider.Render(live, owner, n.only(splits))
}

// Observe is the Provider's.
func (n named) Observe(live Objects, owner Owner, splits []Split) Observed {
	return n.Provider.Observe(live, owner, n.only(splits))
}

// Check is the Provider's.
func (n named) Check(live Objects, owner Owner, splits []Split) string {
	return n.Provider.Check(live, owner, n.only(splits))
}
