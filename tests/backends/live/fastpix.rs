use std::fs;

use regex::Regex;
use tokio::runtime::Runtime;

use super::{Live, assert_nowhere};
use crate::fastpix::{FastPix, Token};
use crate::program::{Place, Ran};

const BROADCAST: &str = "\
apiVersion: muster.dev/v1alpha1
kind: Organization
metadata: {name: broadcast}
spec: {preset: fastpix, backend: {type: fastpix, url: URL}, policy: {removalDelay: 0s}}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: ada}
spec: {organizationRef: {name: broadcast}, email: ada@broadcast.example, role: Admin}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: live}
spec: {organizationRef: {name: broadcast}, type: Production, backendSecretRef: {name: fastpix, key: live}}
---
apiVersion: muster.dev/v1alpha1
kind: Credential
metadata: {name: player}
spec: {workspaceRef: {name: live}, type: SigningKey, writeSecretToRef: {name: player}, generation: 0}
";

fn live() -> (Live<FastPix>, Token) {
    let runtime = Runtime::new().unwrap();
    let double = runtime.block_on(FastPix::start());
    let (place, token) = (Place::new(), double.workspace("live"));
    fs::create_dir(place.path().join("example")).unwrap();
    place.write("example/broadcast.yaml", &BROADCAST.replace("URL", &double.url()));
    let live = Live { runtime, place, double };
    live.secret("fastpix", "live", &format!("{}:{}", token.id, token.secret));
    (live, token)
}

impl Live<FastPix> {
    /// The id of the key in the Secret, which is complete.
    fn kept(&self) -> String {
        let folder = self.place.path().join("secrets/player");
        let read = |key: &str| fs::read_to_string(folder.join(key)).unwrap();
        let id = read("id");
        assert_eq!(self.double.private_key("live", &id), Some(read("privateKey")));
        id
    }

    /// Approves what the plan asks to approve.
    fn approve(&self, plan: &Ran) -> Ran {
        let digest = Regex::new("--approve (sha256:[0-9a-f]{64})").unwrap().captures(&plan.out).expect(&plan.out)[1].to_owned();
        self.place.run(&format!("apply {} --auto-approve --approve {digest}", super::FLAGS))
    }
}

#[test]
fn a_key_is_made_once_and_the_second_run_is_silent() {
    let (live, _) = live();
    live.plan().code(0).says("+  credential/player");
    assert!(live.double.front().writes().is_empty(), "a plan only reads");
    live.apply().code(0).says("created      credential/player");
    assert_eq!(live.double.keys("live"), [live.kept()]);
    live.plan().code(0).says("No changes.");
    live.apply().code(0).says("Nothing to apply.");
    assert_eq!(live.double.front().writes(), ["create a key in live"]);
}

#[test]
fn the_private_half_goes_to_its_secret_and_nowhere_else() {
    let (live, token) = live();
    let runs = [live.plan(), live.apply(), live.plan()];
    let private = live.double.private_key("live", &live.kept()).unwrap();
    let mut texts = live.left_behind();
    texts.extend(runs.into_iter().flat_map(|ran| [ran.out.into_bytes(), ran.err.into_bytes()]));
    assert_nowhere(&[private, token.secret], &texts);
}

#[test]
fn a_replaced_key_works_until_its_end_is_approved_with_the_warning() {
    let (live, _) = live();
    live.apply().code(0);
    let first = live.kept();
    live.rewrite("broadcast.yaml", "generation: 0", "generation: 1");
    live.apply().code(0);
    let second = live.kept();
    assert_eq!(live.double.keys("live"), [first.clone(), second.clone()]);
    let plan = live.plan();
    assert!(plan.out.contains("every token that was signed with the key stops working at once"), "{}", plan.out);
    live.approve(&plan).code(0);
    assert_eq!(live.double.keys("live"), [second]);
    live.plan().code(0).says("No changes.");
}

#[test]
fn killed_at_any_request_it_ends_with_one_key_and_names_the_one_that_got_lost() {
    let (undisturbed, _) = live();
    undisturbed.apply().code(0);
    let requests = undisturbed.double.front().requests();
    for (number, request) in requests.iter().enumerate() {
        let (live, _) = live();
        live.is_killed_at(live.double.front(), number + 1);
        live.apply().code(0);
        let lost: Vec<String> = live.double.keys("live").into_iter().filter(|key| *key != live.kept()).collect();
        assert_eq!(lost.len(), usize::from(request.starts_with("POST")), "{request}");
        if let [lost] = lost.as_slice() {
            let plan = live.plan();
            assert!(plan.out.contains(lost), "{}", plan.out);
            live.approve(&plan).code(0);
        }
        assert_eq!(live.double.keys("live"), [live.kept()], "{request}");
        live.plan().code(0).says("No changes.");
    }
}
