package admission

import (
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
)

// mostHeaders is how many headers a source may have, by its schema.
const mostHeaders = 16

// source is that of a template, in CEL.
const source = "object.spec.?source"

// secretsIn defines what the checks of Secrets go by: their namespace, in CEL, and what is asked over HTTP, which has the same
// fields in both kinds of source. It is a map, for an optional value that is kept in a variable has none of its fields.
func secretsIn(namespace string) []admissionv1.Variable {
	return []admissionv1.Variable{
		{Name: "place", Expression: namespace},
		{Name: "http", Expression: source + ".?prometheus.or(" + source + ".?web).orValue({})"},
	}
}

// reads returns the checks that the author of a template may get each Secret that it names: else they could have the
// controller send it where they like. A source has one kind, so not all of them cost something.
func reads() []admissionv1.Validation {
	const http, place = "variables.http", "variables.place"
	names := []string{
		http + ".?bearer.?name", http + ".?basic", http + ".?oauth2.?client", http + ".?tls.?ca.?name", http + ".?tls.?certificate",
		source + ".?datadog.?keys", source + ".?cloudWatch.?keys",
	}
	for i := range mostHeaders {
		names = append(names, fmt.Sprintf("%s.?headers[?%d].?secret.?name", http, i))
	}
	var out []admissionv1.Validation
	for _, name := range names {
		out = append(out, admissionv1.Validation{
			Expression: fmt.Sprintf("!%s.hasValue() || %s", name, permitsIn(place, "get", `""`, `"secrets"`, name+".value()")),
			MessageExpression: fmt.Sprintf(`"spec.source: Secret " + %s.orValue("") + " of namespace " + %s + ": " + request.userInfo.?username.orValue("") + `+
				`" may not get it, and so may not have it sent; ask for the verb get on it"`, name, place),
			Reason: reason(),
		})
	}
	return out
}

// runs is the check that the author of a template may create the Jobs that it has the controller create.
func runs() admissionv1.Validation {
	return admissionv1.Validation{
		Expression: fmt.Sprintf(`!%s.?job.hasValue() || authorizer.group("batch").resource("jobs").namespace(%s).check("create").allowed()`, source, ownNamespace),
		MessageExpression: `"spec.source.job: " + request.userInfo.?username.orValue("") + " may not create Jobs in this namespace, and so may not have them created; ` +
			`ask for the verb create on jobs.batch"`,
		Reason: reason(),
	}
}
