package rules

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// TestBracketsThatCloseOurs: an expression is read by itself, too: put between ours, this one would find "yesterday".
func TestBracketsThatCloseOurs(t *testing.T) {
	_, err := ReadMatch(v1alpha1.Match{Headers: []v1alpha1.ValueMatch{{Name: "x", Regex: ptr.To("yes)|(no")}}})
	require.ErrorContains(t, err, "use RE2 syntax")
}
