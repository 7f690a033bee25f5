//! What becomes of a key over time: it is purged, with its workspace or alone, its organization is suspended, or the service moves.

use std::fs;

use axum::http::Method;

use super::Live;
use super::fastpix;
use crate::fastpix::{FastPix, Token};
use crate::faults::{Answer, Fault, Kind};
use crate::program::Ran;

/// An organization whose workspaces may be deleted.
fn live() -> (Live<FastPix>, Token) {
    let (live, token) = fastpix::live();
    live.rewrite("broadcast.yaml", "removalDelay: 0s", "removalDelay: 0s, workspaceDeletion: {mode: Soft}");
    (live, token)
}

impl Live<FastPix> {
    /// Takes the documents out that have one of these texts.
    fn take_out(&self, texts: &[&str]) {
        let path = self.place.path().join("example/broadcast.yaml");
        let text = fs::read_to_string(&path).unwrap();
        let left: Vec<&str> = text.split("---\n").filter(|document| !texts.iter().any(|text| document.contains(text))).collect();
        fs::write(path, left.join("---\n")).unwrap();
    }

    fn prune(&self) -> Ran {
        self.place.run(&format!("apply {} --prune --auto-approve", super::FLAGS))
    }

    /// The retention of everything that was deleted is over.
    fn retention_is_over(&self) {
        self.place.by_hand("UPDATE objects SET purge_at = deleted_at WHERE deleted_at IS NOT NULL");
    }
}

const WARNING: &str = "every token that was signed with the key stops working at once";

#[test]
fn a_key_goes_from_the_service_when_its_retention_is_over_and_somebody_who_read_the_warning_approves_it() {
    let (live, _) = live();
    live.apply().code(0);
    let key = live.kept();
    live.take_out(&["kind: Credential"]);
    live.prune().code(0);
    live.plan().code(0).says("credential/player  stays there: it goes when it is purged").says(WARNING);
    live.retention_is_over();
    let planned = live.plan().code(0).says("credential/player").says(WARNING);
    live.apply().code(0);
    assert_eq!(live.double.keys("live"), [key], "it is purged here, and nobody approved that it goes there");
    let still = live.plan().code(0);
    assert_eq!(Live::digests(&still), Live::digests(&planned));
    live.approve(&still).code(0).says("removed      credential/player");
    assert!(live.double.keys("live").is_empty());
    live.plan().code(0).says("No changes.");
}

#[test]
fn what_is_purged_with_its_workspace_is_reached_by_the_credentials_that_the_workspace_had() {
    let (live, _) = live();
    live.apply().code(0);
    live.take_out(&["kind: Credential", "kind: Workspace"]);
    live.prune().code(0);
    live.retention_is_over();
    live.apply().code(0);
    assert!(!live.place.run("export").out.contains("kind: Workspace"));
    let plan = live.plan().code(0).says(WARNING);
    live.approve(&plan).code(0).says("removed      credential/player");
    assert!(live.double.keys("live").is_empty());
    live.plan().code(0).says("No changes.");
}

#[test]
fn what_is_purged_and_cannot_be_reached_any_more_is_told_until_somebody_says_that_it_is_known() {
    for revoked in [false, true] {
        let (live, token) = live();
        live.apply().code(0);
        let key = live.kept();
        live.take_out(&["kind: Credential", "kind: Workspace"]);
        live.prune().code(0);
        live.retention_is_over();
        match revoked {
            true => live.double.revoke(&token),
            false => fs::remove_file(live.place.path().join("secrets/fastpix/live")).unwrap(),
        }
        live.apply().code(0);
        let plan = live
            .plan()
            .code(0)
            .says(&format!("it was purged here and stays at FastPix (id {key})"))
            .says("remove it there by hand");
        live.approve(&plan).code(0).says("forgotten    credential/player");
        assert_eq!(live.double.keys("live"), [key]);
        let silent = live.plan().code(0).says("No changes.");
        assert!(!silent.out.contains("FastPix"), "{}", silent.out);
    }
}

#[test]
fn a_suspended_organization_is_left_alone_at_the_service_and_compared_again_when_it_is_resumed() {
    let (live, _) = live();
    live.apply().code(0);
    let key = live.kept();
    live.rewrite("broadcast.yaml", "preset: fastpix,", "preset: fastpix, suspend: true,");
    live.rewrite("broadcast.yaml", "generation: 0", "generation: 1");
    live.apply().code(0);
    live.double.front().forget();
    live.plan().code(0);
    live.apply().code(0);
    assert!(live.double.front().requests().is_empty(), "{:?}", live.double.front().requests());
    assert_eq!(live.kept(), key);
    live.rewrite("broadcast.yaml", " suspend: true,", "");
    live.apply().code(0);
    assert_ne!(live.kept(), key);
    assert_eq!(live.double.keys("live").len(), 2);
}

#[test]
fn at_another_address_a_key_is_made_only_when_that_is_approved_and_the_one_before_stays_where_it_is() {
    let (live, _) = live();
    live.apply().code(0);
    let key = live.kept();
    let other = live.runtime.block_on(FastPix::start());
    let token = other.workspace("live");
    live.secret("fastpix", "live", &format!("{}:{}", token.id, token.secret));
    live.rewrite("broadcast.yaml", &live.double.url(), &other.url());
    let plan = live.plan().code(0).says("there was one at another address of the service");
    live.apply().code(0);
    assert!(other.keys("live").is_empty());
    let refuses = Fault::new(Kind::Answer(Answer::text(422, ""))).on(Method::POST, "/iam/signing-keys");
    other.front().plant(refuses);
    live.approve(&plan).code(4).says("failed       credential/player");
    assert_eq!(Live::digests(&live.plan()), Live::digests(&plan), "that it failed there is no approval");
    live.approve(&plan).code(0).says("created      credential/player");
    assert_eq!(other.keys("live").len(), 1);
    assert_eq!(live.double.keys("live"), [key]);
    live.plan().code(0).says("No changes.");
}

#[test]
fn a_service_that_is_taken_out_and_put_back_has_what_it_had() {
    let (live, _) = live();
    live.apply().code(0);
    let key = live.kept();
    let backend = format!(" backend: {{type: fastpix, url: {}}},", live.double.url());
    live.rewrite("broadcast.yaml", &backend, "");
    live.apply().code(0).says("spec.backend was taken out");
    live.double.front().forget();
    live.apply().code(0);
    assert!(live.double.front().requests().is_empty());
    live.rewrite("broadcast.yaml", "preset: fastpix,", &format!("preset: fastpix,{backend}"));
    live.apply().code(0);
    live.plan().code(0).says("No changes.");
    assert_eq!((live.kept(), live.double.keys("live")), (key.clone(), vec![key]));
    assert!(live.double.front().writes().is_empty());
}

#[test]
fn with_the_purge_of_an_organization_it_is_told_what_stays_at_the_service() {
    let (live, _) = live();
    live.apply().code(0);
    let key = live.kept();
    live.take_out(&["kind: Organization", "kind: Member", "kind: Workspace", "kind: Credential"]);
    let flags = format!("{} --prune --allow-empty", super::FLAGS);
    let planned = live.place.run(&format!("plan {flags}"));
    let digest = Live::digests(&planned).pop().expect(&planned.out);
    live.place.run(&format!("apply {flags} --auto-approve --approve {digest}")).code(0).says("organization/broadcast");
    live.retention_is_over();
    let because = format!("the organization is purged here, and credential/player (id {key}) stays there as it is");
    live.place.run(&format!("apply {flags} --auto-approve")).code(0).says(&because);
    assert!(!live.place.run(&format!("plan {flags}")).out.contains("stays there"));
    assert_eq!(live.double.keys("live"), [key]);
}
