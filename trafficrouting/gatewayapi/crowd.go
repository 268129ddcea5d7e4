package gatewayapi

import (
	"slices"
	"strings"
)

// crowd are contenders, found by the hostnames that they have.
type crowd struct {
	order order
	all   []contender
	// own are they by each of their hostnames, under also by each that covers one of these.
	own, under map[string][]int
	// lines are those that take requests for a hostname, of the hostnames that were asked for.
	lines map[string][]standing
}

// standing is the place of a contender among those for a hostname.
type standing struct {
	*contender
	rank rank
}

func (o order) crowd(of []contender) *crowd {
	c := &crowd{order: o, all: of, own: map[string][]int{}, under: map[string][]int{}, lines: map[string][]standing{}}
	above := map[string][]string{}
	for i := range of {
		for _, host := range of[i].anyHost() {
			c.own[host] = append(c.own[host], i)
			if above[host] == nil {
				above[host] = covering(host)
			}
			for _, wide := range above[host] {
				c.under[wide] = append(c.under[wide], i)
			}
		}
	}
	return c
}

func (c *contender) anyHost() []string {
	if len(c.hosts) == 0 {
		return []string{""}
	}
	return c.hosts
}

// line are those that take requests for a hostname, the first in rank first.
func (c *crowd) line(host string) []standing {
	line, ok := c.lines[host]
	if ok {
		return line
	}
	for _, wide := range covering(host) {
		for _, i := range c.own[wide] {
			line = append(line, standing{&c.all[i], c.order.rank(&c.all[i], host)})
		}
	}
	slices.SortStableFunc(line, func(a, b standing) int { return slices.Compare(b.rank[:], a.rank[:]) })
	c.lines[host] = line
	return line
}

// sharing are those that have requests for a hostname in common with a contender, in their order.
func (c *crowd) sharing(with *contender) []*contender {
	var found []int
	for _, host := range with.anyHost() {
		found = append(found, c.under[host]...)
		for _, wide := range covering(host) {
			if wide != host {
				found = append(found, c.own[wide]...)
			}
		}
	}
	slices.Sort(found)
	out := make([]*contender, 0, len(found))
	for _, i := range slices.Compact(found) {
		out = append(out, &c.all[i])
	}
	return out
}

// leaders are the first in rank of those that take a request; several where none of them is known to be the first.
func leaders(r request, of ...*crowd) (best rank, out []*contender) {
	for _, c := range of {
		for _, s := range c.line(r.host) {
			if len(out) > 0 && s.rank.below(best) {
				break
			}
			if !r.meets(s.contender) {
				continue
			}
			if len(out) == 0 || best.below(s.rank) {
				best, out = s.rank, nil
			}
			out = append(out, s.contender)
		}
	}
	return best, out
}

// thinned leaves out who never is the first, as another one takes all the same requests: in a cluster many routes may be alike.
func (o order) thinned(of []contender) []contender {
	type likeness struct{ hosts, asks string }
	at := map[likeness]int{}
	var out []contender
	for i := range of {
		c := &of[i]
		like := likeness{strings.Join(c.hosts, " "), c.asks}
		first, known := at[like]
		switch {
		case !known:
			at[like] = len(out)
			out = append(out, *c)
		case o.rank(&out[first], c.hosts[0]).below(o.rank(c, c.hosts[0])):
			out[first] = *c
		}
	}
	return out
}

// covering are the hostname and all that take every request for it: any, which is empty, and wildcards.
func covering(host string) []string {
	if host == "" {
		return []string{""}
	}
	out := []string{"", host}
	for i := range len(host) {
		if wide := "*" + host[i:]; host[i] == '.' && wide != host {
			out = append(out, wide)
		}
	}
	return out
}

// covers says whether a hostname, which may be empty for any or begin with a wildcard, takes all requests for another.
func covers(own, host string) bool {
	suffix, wild := strings.CutPrefix(own, "*")
	return own == "" || own == host || wild && strings.HasSuffix(host, suffix)
}

// overlap says whether a request may be for hostnames of both.
func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(one string) bool {
		return slices.ContainsFunc(b, func(other string) bool { return covers(one, other) || covers(other, one) })
	})
}

// shared are the hostnames that both have, the more special one where one covers the other. Where none is known, that is one.
func shared(a, b []string) []string {
	if len(a) == 0 || len(b) == 0 {
		return []string{""}
	}
	var out []string
	for _, one := range a {
		for _, other := range b {
			switch {
			case covers(one, other):
				out = append(out, other)
			case covers(other, one):
				out = append(out, one)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
