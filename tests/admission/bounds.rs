//! How much work a request is, whoever asks, and what is left undone when nobody waits for it any more.

use muster::controller::admission::{Progress, Step};
use serde_json::json;

use crate::acme::{Acme, denied};

const CI: &str = "ci";

#[test]
fn an_organization_is_planned_once_for_each_request_and_once_more_for_each_revision() {
    let acme = Acme::with(&[]);
    let quiet = acme.update("workspace/design", json!({ "type": "QA" }));
    assert_eq!([quiet.plans(CI), quiet.plans(CI)], [1, 1], "nothing to tell, so nothing to compare with");
    let loud = acme.update("member/bob", json!({ "role": "Admin" }));
    assert_eq!([loud.plans(CI), loud.plans(CI), loud.plans("root")], [2, 1, 1], "what happens without it is planned once");
    assert_eq!(acme.delete("workspace/production").plans(CI), 1);
}

#[test]
fn the_rights_of_a_member_take_one_more_plan() {
    let acme = Acme::with(&[]);
    let quiet = acme.update("workspace/design", json!({ "type": "QA" }));
    assert_eq!(quiet.plans("alice@acme.example"), 2);
    assert_eq!(quiet.plans("carol@acme.example"), 1, "who is denied is not told what it would do");
    assert_eq!(acme.delete("template/webinar").plans("bob@acme.example"), 3, "with what happens without it");
    let waiting = acme.update("workspace/design", json!({ "type": "QA" })).before(json!({ "language": "en" }));
    assert_eq!(waiting.plans("alice@acme.example"), 3, "what waits to be applied is judged, too");
}

#[test]
fn a_stranger_and_a_guarded_annotation_take_none() {
    let acme = Acme::with(&[("organization/acme", json!({ "administrators": { "groups": ["platform"] } }))]);
    assert_eq!(acme.update("workspace/design", json!({ "type": "QA" })).plans("mallory"), 0);
    let glass =
        acme.update("organization/acme", json!({})).annotated("muster.dev/break-glass", "INC-42 until 2026-03-02T00:00:00Z");
    assert_eq!(glass.plans("bob@acme.example"), 0);
}

#[test]
fn nothing_more_is_planned_when_nobody_waits() {
    let acme = Acme::with(&[]);
    for user in [CI, "alice@acme.example"] {
        let progress = Progress::default();
        progress.end();
        let verdict = acme.update("member/bob", json!({ "role": "Admin" })).judged(user, &[], &progress);
        assert_eq!((progress.plans(), verdict.denials.len()), (0, 0));
    }
}

#[test]
fn how_far_it_got_is_known_to_whoever_waited() {
    let acme = Acme::with(&[]);
    let denied_by = |user: &str| {
        let progress = Progress::default();
        assert_eq!(progress.step(), Step::Store);
        let verdict = acme.update("workspace/design", json!({ "type": "QA" })).judged(user, &[], &progress);
        (verdict.denials.len(), progress.step())
    };
    assert_eq!(denied_by("carol@acme.example"), (1, Step::Rights));
    assert_eq!(denied_by("alice@acme.example"), (0, Step::Effects));
    assert_eq!(denied_by(CI), (0, Step::Effects));
}

#[test]
fn what_another_request_left_is_not_taken_for_what_this_one_does() {
    let acme = Acme::with(&[]);
    let promoted = acme.update("member/bob", json!({ "role": "Admin" }));
    let first = promoted.by(CI);
    assert_eq!(first.warnings.len(), 1);
    assert_eq!(promoted.by(CI), first);
    assert_eq!(denied(&acme.delete("workspace/production").by(CI))[0].0, "deletion-protected");
    let mut other = acme;
    other.settings.manager = muster::tenancy::Manager::new("other");
    assert_eq!(denied(&other.update("workspace/design", json!({ "type": "QA" })).by(CI))[0].0, "foreign-manager");
}
