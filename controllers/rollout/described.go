package rollout

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/routekind"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/generic"
)

// provider finds the Provider of a route, with the description that makes it, which is "" for a kind that there is code for.
// Where there is none, or none that can be used, refusal says so in one sentence, with the mend.
func (r *Reconciler) provider(ctx context.Context, ref v1alpha1.RouteRef) (provider trafficrouting.Provider, description, refusal string, err error) {
	if known, ok := r.Providers.For(ref); ok {
		return known, "", "", nil
	}
	gk := schema.GroupKind{Group: ref.Group, Kind: ref.Kind}
	text, err := routekind.Text(ctx, r.Client, gk)
	if err != nil {
		return nil, "", "", err
	}
	if text == "" {
		return nil, "", fmt.Sprintf("kind %s is not supported, and no RouteKind describes it; apply one, which is called %s, or use one of %v",
			gk, generic.NameOf(gk), r.Providers.Supported()), nil
	}
	_, described, err := r.described.Provider(text)
	if err != nil {
		return nil, "", err.Error(), nil
	}
	return described, text, "", nil
}

// descriptions are those that a Release of the Rollout has to keep, or why it could not go by one.
func (r *Reconciler) descriptions(ctx context.Context, rollout *v1alpha1.Rollout) (texts []string, refusal string, err error) {
	for _, ref := range rollout.Spec.RouteRefs {
		_, text, refusal, err := r.provider(ctx, ref)
		if refusal != "" || err != nil {
			return nil, refusal, err
		}
		if text != "" && !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return texts, "", nil
}
