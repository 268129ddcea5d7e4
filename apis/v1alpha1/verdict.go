package v1alpha1

// Verdict is what evidence says of a canary.
type Verdict string

// The verdicts.
const (
	// VerdictPass: it was shown to be as good as it must be.
	VerdictPass Verdict = "Pass"
	// VerdictFail: it was shown to be worse than it may be.
	VerdictFail Verdict = "Fail"
	// VerdictInconclusive: there is evidence, and it shows neither yet.
	VerdictInconclusive Verdict = "Inconclusive"
	// VerdictNoData: there is no evidence, or it could not be had; the reason says which.
	VerdictNoData Verdict = "NoData"
)
