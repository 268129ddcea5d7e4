package egress

import (
	"encoding/base64"
	"slices"
	"strings"
)

const (
	// mostQuoted is how much of what a source says is passed on, in bytes.
	mostQuoted = 200
	hidden     = "***"
)

// Quote is what a source said, for people: one line, shortened, without these credentials. It is empty where the source may
// have been shown secrets that are not among them, which are the tokens of OAuth2.
func (c Credentials) Quote(said string) string {
	if c.OAuth2 != nil {
		return ""
	}
	secrets := []string{c.Bearer, c.Username, c.Password}
	if c.Username != "" || c.Password != "" {
		secrets = append(secrets, base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password)))
	}
	for _, value := range c.Headers {
		secrets = append(secrets, value)
	}
	// The longest first: of one that has another in it nothing is left.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	for _, secret := range secrets {
		if secret != "" {
			said = strings.ReplaceAll(said, secret, hidden)
		}
	}
	said = strings.Join(strings.Fields(strings.ToValidUTF8(said, "?")), " ")
	if len(said) > mostQuoted {
		said = strings.ToValidUTF8(said[:mostQuoted], "") + " ..."
	}
	return said
}
