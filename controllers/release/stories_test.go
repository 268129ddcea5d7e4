package release_test

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

// story is one course of events, told in testdata by its name.
type story struct {
	title   string
	options options
	play    func(w *world)
}

func begin(w *world) { w.image("checkout:2") }

var stories = map[string]story{
	"promote": {"A release goes over 10 % and 50 %, holds a minute and waits for approval.", options{}, func(w *world) {
		begin(w)
		w.at("half")
		w.rest()
		w.pass(time.Hour)
		w.approve("half")
		w.end(v1alpha1.OutcomePromoted)
	}},
	"promote-asked-early": {"Promote skips what is left to wait for, never what makes it safe.", options{}, func(w *world) {
		begin(w)
		w.at("ten")
		w.promote()
		w.end(v1alpha1.OutcomePromoted)
	}},
	"match-then-weight": {"Insiders by header first, then a tenth with the header, then all.", options{steps: []v1alpha1.Step{
		matching("insiders", 2, approval()),
		{Name: "tenth", Weight: weigh("", 10, nil).Weight, Match: matching("", 1, nil).Match},
	}}, func(w *world) {
		begin(w)
		w.at("insiders")
		w.approve("insiders")
		w.end(v1alpha1.OutcomePromoted)
	}},
	"two-services": {"Two Services of one workload are shifted together.", options{services: []string{"checkout", "checkout-admin"}}, func(w *world) {
		begin(w)
		w.at("half")
		w.approve("half")
		w.end(v1alpha1.OutcomePromoted)
	}},
	"policy-promote": {"What a policy says of the Service is said of the canary Service, before a request goes there and until none can.", options{tls: true}, func(w *world) {
		begin(w)
		w.at("half")
		w.approve("half")
		w.end(v1alpha1.OutcomePromoted)
	}},
	"policy-abort": {"A copy of a policy that somebody deletes at half comes again, and goes with the canary Service.", options{tls: true}, func(w *world) {
		begin(w)
		w.at("half")
		w.remove(kindPolicy, "checkout-canary-checkout")
		w.rest()
		w.abort()
		w.end(v1alpha1.OutcomeAborted)
	}},
	"policy-gone-abort": {"On the way back requests leave first, then a copy of a policy is mended that somebody has deleted.", options{tls: true}, func(w *world) {
		begin(w)
		w.at("half")
		w.remove(kindPolicy, "checkout-canary-checkout")
		w.abort()
		w.end(v1alpha1.OutcomeAborted)
	}},
	"min-ready-seconds": {"Pods count after the user's own minReadySeconds, though ours are in the field.", options{minReady: 20}, func(w *world) {
		begin(w)
		w.promote()
		w.end(v1alpha1.OutcomePromoted)
	}},
	"user-pauses": {"kubectl rollout pause and kubectl crossfade pause hold a release where it is; resume lets it go on.", options{}, func(w *world) {
		begin(w)
		w.at("ten")
		w.rolloutPause()
		w.pass(time.Hour)
		w.rolloutResume()
		w.at("half")
		w.pause()
		w.approve("half")
		w.pass(time.Hour)
		w.resume()
		w.end(v1alpha1.OutcomePromoted)
	}},
	"scaling-mid-step": {"The user scales from 4 to 9 and to 3 in the middle of a step.", options{}, func(w *world) {
		begin(w)
		w.at("half")
		w.scale(9)
		w.rest()
		w.scale(3)
		w.rest()
		w.approve("half")
		w.end(v1alpha1.OutcomePromoted)
	}},
	"route-edited": {"Somebody gives the route a hostname: kept. Somebody applies it from Git: put right.", options{}, func(w *world) {
		begin(w)
		w.at("half")
		w.addHostname("shop.example.com")
		w.rest()
		w.resetRoute()
		w.rest()
		w.approve("half")
		w.end(v1alpha1.OutcomePromoted)
	}},
	"contention": {"Somebody insists on the route from Git: after ten repairs a minute the release stands still, and says who.", options{}, func(w *world) {
		begin(w)
		w.at("half")
		w.tale.line(w, "rival", "applies the route from Git every second")
		w.rival = w.gitRoute()
		w.pass(30 * time.Second)
		w.tale.line(w, "rival", "gives up")
		w.rival = nil
		w.approve("half")
		w.end(v1alpha1.OutcomePromoted)
	}},
}

// storiesBack are those that go back.
var storiesBack = map[string]story{
	"reset-on-the-way-back": {"While requests go back somebody applies the Deployment from Git, past the guard: its fields are borrowed again at once, or the native controller would take stable's pods.", options{}, func(w *world) {
		begin(w)
		w.at("half")
		w.abort()
		w.stage(v1alpha1.StageWithdrawing)
		w.resetDeployment()
		w.end(v1alpha1.OutcomeAborted)
	}},
	"abort-at-half": {"An abort at 50 % takes the traffic back first, and the pods after it; the template stays held.", options{}, func(w *world) {
		begin(w)
		w.at("half")
		w.abort()
		w.end(v1alpha1.OutcomeAborted)
		w.image("checkout:2")
		w.asTheUserWroteIt()
		w.scale(6)
		for w.others() {
		}
		w.asTheUserWroteIt()
		w.tale.line(w, "", "stable scales natively: %s", w.summary())
	}},
	"stable-reapplied": {"The stable template applied again at 50 % is a full rollback.", options{}, func(w *world) {
		begin(w)
		w.at("half")
		w.image("checkout:1")
		w.end(v1alpha1.OutcomeReverted)
	}},
	"stable-reapplied-at-once": {"The stable template comes back before anything was done.", options{}, func(w *world) {
		begin(w)
		w.image("checkout:1")
		w.end(v1alpha1.OutcomeReverted)
	}},
	"superseded": {"A newer template at 50 %: back to stable, then its own Release.", options{}, func(w *world) {
		begin(w)
		w.at("half")
		w.image("checkout:3")
		w.end(v1alpha1.OutcomeSuperseded)
		w.next()
		w.promote()
		w.end(v1alpha1.OutcomePromoted)
	}},
	"newer-template-past-no-return": {"A newer template past the point of no return waits, held.", options{}, func(w *world) {
		begin(w)
		w.promote()
		w.stage(v1alpha1.StageRetiring)
		w.image("checkout:3")
		w.end(v1alpha1.OutcomePromoted)
	}},
	"collapsed": {"The canary loses its last ready pod at 50 %.", options{}, func(w *world) {
		begin(w)
		w.at("half")
		w.unreadyCanary()
		w.end(v1alpha1.OutcomeFailed)
	}},
	"dips": {"The canary has no ready pod for three seconds: not yet a collapse.", options{}, func(w *world) {
		begin(w)
		w.at("half")
		w.unreadyCanary()
		w.pass(3 * time.Second)
		w.healCanary()
		w.rest()
		w.approve("half")
		w.end(v1alpha1.OutcomePromoted)
	}},
	"pods-failing": {"The new image cannot start, and waiting would not heal it.", options{}, func(w *world) {
		w.breakCanary("CrashLoopBackOff", 5)
		begin(w)
		w.end(v1alpha1.OutcomeFailed)
	}},
	"progress-deadline": {"The new pods never come, and might yet: the deadline decides.", options{deadline: 5 * time.Minute}, func(w *world) {
		w.breakCanary("ImagePullBackOff", 0)
		begin(w)
		w.end(v1alpha1.OutcomeFailed)
	}},
	"rollout-deleted-at-half": {"The Rollout is deleted at 50 %: everything as before the release, and no gate any more.", options{}, func(w *world) {
		begin(w)
		w.at("half")
		w.deleteRollout()
		w.end(v1alpha1.OutcomeDeleted)
	}},
	"rollout-deleted-at-once": {"The Rollout is deleted in the first stage.", options{}, func(w *world) {
		begin(w)
		w.tick()
		w.deleteRollout()
		w.end(v1alpha1.OutcomeDeleted)
	}},
	"rollout-deleted-past-no-return": {"The Rollout is deleted while the old pods go: the promotion is finished.", options{}, func(w *world) {
		begin(w)
		w.promote()
		w.stage(v1alpha1.StageRetiring)
		w.deleteRollout()
		w.end(v1alpha1.OutcomePromoted)
	}},
	"scaled-to-zero": {"The workload is scaled to 0 at 50 %: the release ends, held.", options{}, func(w *world) {
		begin(w)
		w.at("half")
		w.scale(0)
		w.end(v1alpha1.OutcomeFailed)
	}},
	"service-deleted": {"The Service is deleted at 50 %: what is left is put back.", options{services: []string{"checkout", "checkout-admin"}}, func(w *world) {
		begin(w)
		w.at("half")
		w.remove("Service", "checkout-admin")
		w.end(v1alpha1.OutcomeFailed)
	}},
	"route-deleted": {"The route is deleted at 50 %.", options{}, func(w *world) {
		begin(w)
		w.at("half")
		w.remove("HTTPRoute", "checkout")
		w.end(v1alpha1.OutcomeFailed)
	}},
	"abort-while-draining": {"An abort when the Services select the canary alone: they are widened first.", options{}, func(w *world) {
		begin(w)
		w.promote()
		w.stage(v1alpha1.StageDraining)
		w.abort()
		w.end(v1alpha1.OutcomeAborted)
	}},
	"abort-while-flipping": {"An abort when everything goes to the canary.", options{}, func(w *world) {
		begin(w)
		w.promote()
		w.stage(v1alpha1.StageFlipping)
		w.abort()
		w.end(v1alpha1.OutcomeAborted)
	}},
	"abort-while-unpinning": {"An abort when the Services select both revisions.", options{}, func(w *world) {
		begin(w)
		w.promote()
		w.stage(v1alpha1.StageUnpinning)
		w.abort()
		w.end(v1alpha1.OutcomeAborted)
	}},
	"abort-past-no-return": {"An abort while the old pods go: the promotion is finished, and a release back begins.", options{}, func(w *world) {
		begin(w)
		w.promote()
		w.stage(v1alpha1.StageRetiring)
		w.abort()
		w.end(v1alpha1.OutcomePromoted)
	}},
	"service-edited": {"Somebody edits the pinned Service: kept, and the pin stays.", options{}, func(w *world) {
		begin(w)
		w.until("confirming", func() bool { return w.last.Rule == planner.RuleConfirming })
		w.edit("Service", "checkout", "publish addresses that are not ready", func(obj map[string]any) {
			_ = unstructured.SetNestedField(obj, true, "spec", "publishNotReadyAddresses")
		})
		w.at("half")
		w.abort()
		w.end(v1alpha1.OutcomeAborted)
	}},
}
