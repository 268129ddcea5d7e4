package sources

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/egress"
	"crossfade.io/crossfade/apis/v1alpha1"
)

const (
	// jobDeadline is how long a Job takes at most that doesn't say so itself.
	jobDeadline = 10 * time.Minute
	// longestJob is how long a Job may say that it takes.
	longestJob = 24 * time.Hour
	// startUp is what making a Job, and seeing that it has ended, takes at most.
	startUp = 2 * time.Minute
	// keptFailed is how long a Job is kept that failed, so that people may read its logs, in seconds.
	keptFailed = 600
	// longestPrefix leaves room for the five characters that the API server adds to names.
	longestPrefix = 58
)

// jobs is a source that runs one Job for each value.
type jobs struct {
	sources *Sources
	name    string
	release *v1alpha1.Release
	spec    map[string]any
	// most is how long one takes at most.
	most time.Duration
}

// job returns the source of Jobs of a Release.
func (s *Sources) job(release *v1alpha1.Release, source *v1alpha1.JobSource) (*jobs, error) {
	var spec map[string]any
	if err := json.Unmarshal(source.Spec.Raw, &spec); err != nil || spec == nil {
		return nil, fmt.Errorf("%w: the spec of the Job is no object; give what a Job of batch/v1 has", analysis.ErrRefused)
	}
	most := jobDeadline
	if seconds, given := spec["activeDeadlineSeconds"].(float64); given {
		seconds = min(max(seconds, 1), longestJob.Seconds()) // more than a Duration has would come to less than nothing
		most, spec["activeDeadlineSeconds"] = time.Duration(seconds)*time.Second, int64(seconds)
	}
	owner := &v1alpha1.Release{ObjectMeta: metav1.ObjectMeta{Namespace: release.Namespace, Name: release.Name, UID: release.UID}}
	return &jobs{sources: s, name: "the Job of Release " + release.Namespace + "/" + release.Name, release: owner, spec: spec, most: most + startUp}, nil
}

// Value runs a Job to its end: 1 if it succeeded, 0 if it failed. There is no query, and no time but now.
func (j *jobs) Value(ctx context.Context, _ string, _ time.Time) (analysis.Value, error) {
	job, err := j.run(ctx)
	if err != nil {
		return analysis.Value{}, err
	}
	ticker := time.NewTicker(j.sources.options.Poll)
	defer ticker.Stop()
	for {
		done, value, err := j.look(ctx, job)
		if done && (err != nil || value > 0) { // one that failed stays a while, for people to see why
			j.remove(ctx, job)
		}
		switch {
		case err != nil && done:
			return analysis.Value{}, err
		case done:
			return analysis.Value{Numbers: []analysis.Number{{Value: value}}}, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			j.remove(ctx, job)
			return analysis.Value{}, j.fails(analysis.ErrUnreachable, "it didn't end in time", "see its pods, or give it a longer activeDeadlineSeconds")
		}
	}
}

// run makes the Job.
func (j *jobs) run(ctx context.Context) (*unstructured.Unstructured, error) {
	obj, err := j.object()
	if err != nil {
		return nil, err
	}
	err = j.sources.jobs.Create(ctx, obj, client.FieldOwner(v1alpha1.FieldManager), client.FieldValidation(metav1.FieldValidationStrict))
	// What the API server says is of the Job's spec, which whoever reads the template knows.
	said := ""
	if err != nil {
		said = egress.Credentials{}.Quote(err.Error())
	}
	switch {
	case err == nil:
		return obj, nil
	case apierrors.IsForbidden(err) && strings.Contains(said, "cannot create resource"):
		return nil, j.fails(analysis.ErrRefused, "no Jobs may be created in namespace "+j.release.Namespace,
			"have the operator add the namespace to analysis.jobs of the chart")
	case apierrors.IsForbidden(err) && strings.Contains(said, "exceeded quota"):
		return nil, j.fails(analysis.ErrUnreachable, "the namespace's quota has no room for it", "raise the quota, or ask less often")
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return nil, j.fails(analysis.ErrRefused, "the API server refuses it ("+said+")", "correct source.job.spec")
	}
	return nil, j.fails(analysis.ErrUnreachable, "it could not be created", "see whether the API server answers")
}

// object is the Job. It ends with the Release at the latest.
func (j *jobs) object() (*unstructured.Unstructured, error) {
	text, err := json.Marshal(j.spec)
	if err != nil {
		return nil, fmt.Errorf("encode the Job: %w", err)
	}
	spec := map[string]any{}
	if err := json.Unmarshal(text, &spec); err != nil {
		return nil, fmt.Errorf("decode the Job: %w", err)
	}
	obj := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	obj.SetGroupVersionKind(batchv1.SchemeGroupVersion.WithKind("Job"))
	obj.SetNamespace(j.release.Namespace)
	obj.SetGenerateName(j.release.Name[:min(len(j.release.Name), longestPrefix-1)] + "-")
	obj.SetLabels(map[string]string{v1alpha1.LabelRelease: j.release.Name})
	owner := metav1.NewControllerRef(j.release, v1alpha1.GroupVersion.WithKind("Release"))
	owner.BlockOwnerDeletion = ptr.To(false)
	obj.SetOwnerReferences([]metav1.OwnerReference{*owner})
	for field, value := range map[string]int64{"activeDeadlineSeconds": int64(jobDeadline.Seconds()), "ttlSecondsAfterFinished": keptFailed} {
		if _, given := spec[field]; !given {
			spec[field] = value
		}
	}
	pod := []string{"template", "spec"}
	if policy, _, _ := unstructured.NestedString(spec, append(pod, "restartPolicy")...); policy == "" {
		// Where there is no such object, the API server says so.
		_ = unstructured.SetNestedField(spec, string(corev1.RestartPolicyNever), append(pod, "restartPolicy")...)
	}
	return obj, nil
}

// look says whether the Job has ended, and how.
func (j *jobs) look(ctx context.Context, made *unstructured.Unstructured) (done bool, value float64, err error) {
	job := &batchv1.Job{}
	err = j.sources.reader.Get(ctx, client.ObjectKeyFromObject(made), job)
	switch {
	case apierrors.IsNotFound(err) || err == nil && job.UID != made.GetUID():
		return true, 0, j.fails(analysis.ErrUnreachable, "someone deleted it", "ask again")
	case apierrors.IsForbidden(err):
		return true, 0, j.fails(analysis.ErrRefused, "Jobs of namespace "+j.release.Namespace+" may not be read",
			"have the operator add the namespace to analysis.jobs of the chart")
	case err != nil:
		return false, 0, err // it is looked at again
	}
	for _, condition := range job.Status.Conditions {
		if condition.Status != corev1.ConditionTrue {
			continue
		}
		switch condition.Type {
		case batchv1.JobComplete:
			return true, 1, nil
		case batchv1.JobFailed:
			return true, 0, nil
		}
	}
	return false, 0, nil
}

// remove deletes a Job that nobody reads, also where whoever asked for it gave up. One that stays is removed by its time
// to live.
func (j *jobs) remove(ctx context.Context, job *unstructured.Unstructured) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_ = j.sources.jobs.Delete(ctx, job, client.PropagationPolicy(metav1.DeletePropagationBackground))
}

func (j *jobs) fails(reason error, problem, mend string) error {
	return &analysis.SourceError{Source: j.name, Reason: reason, Problem: problem, Mend: mend}
}
