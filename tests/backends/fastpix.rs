//! Signing keys at FastPix: made once, kept in their Secret alone, replaced, and removed when somebody approves it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use futures_util::future::BoxFuture;
use muster::api::Kind;
use muster::api::organization::AdoptionPolicy;
use muster::api::policy::DriftPolicy;
use muster::backend::fastpix::{CAPABILITIES, FastPix as Backend, shape};
use muster::backend::http::{AllowList, Client, Limits, Rate, Settings};
use muster::backend::secrets::{Folder, Secret, SecretError, Secrets, Values};
use muster::backend::{Backend as _, CallEnd, Mirroring, Reach, State, Stop, carry_out};
use muster::plan::mirror::{Mirror, Shape, Terms, compare};
use muster::store::{Memory, Observe as _};
use muster::tenancy::{Deed, Digest, Mirrored, Name, Snapshot};
use tempfile::TempDir;

use crate::fastpix::{FastPix, Token};
use crate::faults::{Answer, Fault, Kind as Happens};
use crate::hasty::Hasty;
use crate::scenario::{BEGIN, told};

/// An organization with a workspace and one key in it; `key` is what the key's document says.
fn acme(key: &str) -> String {
    format!(
        "apiVersion: muster.dev/v1alpha1
kind: Organization
metadata: {{name: acme}}
spec: {{policy: {{removalDelay: 0s}}}}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {{name: alice}}
spec: {{organizationRef: {{name: acme}}, email: alice@acme.example, role: Admin}}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {{name: live}}
spec: {{organizationRef: {{name: acme}}, backendSecretRef: {{name: fastpix, key: live}}}}
---
apiVersion: muster.dev/v1alpha1
kind: Credential
metadata: {{name: player}}
spec: {{workspaceRef: {{name: live}}, {key}}}
"
    )
}

const PLAYER: &str = "type: SigningKey, writeSecretToRef: {name: player}";

struct World {
    double: FastPix,
    token: Token,
    folder: TempDir,
    secrets: Arc<dyn Secrets>,
    store: Memory,
    drift: DriftPolicy,
    approved: Vec<Digest>,
    purged: bool,
    /// How long one request may take.
    patience: Duration,
}

impl World {
    /// A service with a workspace, and an organization that says this of its key.
    async fn new(key: &str) -> Self {
        let double = FastPix::start().await;
        let token = double.workspace("live");
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "fastpix/live", &format!("{}:{}", token.id, token.secret));
        let secrets = Arc::new(Folder::new(folder.path()));
        let store = told(&acme(key)).await;
        Self {
            double,
            token,
            folder,
            secrets,
            store,
            drift: DriftPolicy::Correct,
            approved: Vec::new(),
            purged: false,
            patience: Limits::default().attempt,
        }
    }

    /// The organization says this instead, and its history is the same.
    async fn says(&mut self, key: &str) {
        let journal = self.journal().await;
        self.store = told(&format!("{}#! apply --prune\n{}", acme(PLAYER), acme(key))).await;
        let now = self.snapshot().await.revision;
        for entry in journal {
            muster::store::Store::begin(&self.store, &Name::from("acme"), now, &entry).await.unwrap();
        }
    }

    async fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.store.observe(&Name::from("acme")).await.unwrap();
        if self.purged {
            snapshot.rows.retain(|row| row.key.kind != Kind::Credential);
        }
        snapshot
    }

    async fn journal(&self) -> Vec<Mirrored> {
        self.store.journal(&Name::from("acme")).await.unwrap()
    }

    /// What is known of the key, which is one.
    async fn entry(&self) -> Mirrored {
        let journal = self.journal().await;
        assert_eq!(journal.len(), 1, "{journal:?}");
        journal.into_iter().next().unwrap()
    }

    async fn shape(&self) -> Shape {
        let snapshot = self.snapshot().await;
        shape(&State { rows: &snapshot.rows, url: &self.double.url(), secret_ref: None })
    }

    async fn backend(&self, shape: &Shape) -> Backend {
        let allow: AllowList = ["127.0.0.1".parse().unwrap()].into_iter().collect();
        let reach = Reach::new(allow.clone(), self.secrets.clone());
        let mut connection = reach.connect(&CAPABILITIES, &self.double.url(), shape).await.unwrap();
        let mut settings = Settings::new("fastpix", Rate::per_second(CAPABILITIES.per_second, CAPABILITIES.burst));
        settings.allow = Arc::new(allow);
        settings.clock = Hasty::new();
        settings.limits = Limits { attempt: self.patience, ..Limits::default() };
        connection.client = Client::new(&self.double.url(), settings).unwrap();
        Backend::new(connection)
    }

    async fn plan_with(&self, backend: &Backend, shape: &Shape) -> Mirror {
        let snapshot = self.snapshot().await;
        let stored: BTreeSet<_> = snapshot.rows.iter().map(|row| row.id).collect();
        let terms = Terms {
            capabilities: &CAPABILITIES,
            url: &self.double.url(),
            adoption: AdoptionPolicy::Refuse,
            drift: self.drift,
            approved: &self.approved,
            stored: &stored,
            others: &BTreeSet::new(),
            now: BEGIN.parse().unwrap(),
        };
        compare(shape, &backend.observe(shape).await, &self.journal().await, &terms)
    }

    async fn plan(&self) -> Mirror {
        let shape = self.shape().await;
        self.plan_with(&self.backend(&shape).await, &shape).await
    }

    async fn run(&self) -> Mirroring {
        let shape = self.shape().await;
        let backend = self.backend(&shape).await;
        let mirror = self.plan_with(&backend, &shape).await;
        let revision = self.snapshot().await.revision;
        carry_out(&Stop::default(), &backend, &self.store, (&Name::from("acme"), revision), (mirror, BEGIN.parse().unwrap()))
            .await
    }

    /// Runs, and everything is done.
    async fn done(&self) -> Vec<Deed> {
        let run = self.run().await;
        assert!(run.is_done(), "{:?}", run.ends);
        run.mirror.calls.iter().map(|call| call.deed).collect()
    }

    /// The id and the private key in the Secret.
    fn kept(&self) -> (String, String) {
        let read = |key: &str| fs::read_to_string(self.folder.path().join("player").join(key)).unwrap();
        (read("id"), read("privateKey"))
    }

    /// Nothing is left to do, and the Secret holds the one key that is the object's.
    async fn settled(&self) -> String {
        self.double.front().forget();
        assert_eq!(self.done().await, []);
        assert!(self.double.front().writes().is_empty());
        let (id, private) = self.kept();
        assert_eq!(self.double.private_key("live", &id), Some(private));
        assert_eq!(self.entry().await.external_id.as_deref(), Some(&*id));
        id
    }
}

fn write(folder: &Path, file: &str, content: &str) {
    let path = folder.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn a_key_is_made_once_and_its_private_half_goes_to_its_secret() {
    let world = World::new(PLAYER).await;
    assert_eq!(world.done().await, [Deed::Create]);
    assert_eq!(world.double.front().writes(), ["create a key in live"]);
    let id = world.settled().await;
    assert_eq!(world.double.keys("live"), [id]);
}

#[tokio::test]
async fn the_private_half_is_nowhere_else() {
    let world = World::new(PLAYER).await;
    let run = world.run().await;
    let (_, private) = world.kept();
    let history = world.store.history(&Name::from("acme"), 0, 100).await.unwrap();
    let told = format!("{run:?} {:?} {:?} {history:?}", world.snapshot().await, world.journal().await);
    assert!(!told.contains(&private) && !told.contains(&world.token.secret));
    assert!(!serde_json::to_string(&run.mirror).unwrap().contains(&private));
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_made() {
    let world = World::new("type: SigningKey").await;
    assert!(world.plan().await.held[0].1.contains("spec.writeSecretToRef"));
    let world = World::new(PLAYER).await;
    write(world.folder.path(), "player/theirs", "somebody else's");
    let run = world.run().await;
    assert!(run.mirror.calls.is_empty() && run.mirror.held[0].1.contains("was not written by Muster"), "{:?}", run.mirror);
    assert_eq!(world.double.front().count(&Method::POST), 0);
    assert!(world.journal().await.is_empty(), "there is nothing to remember");
}

#[tokio::test]
async fn keys_of_others_are_listed_and_left_alone_however_many_they_are() {
    let world = World::new(PLAYER).await;
    let others: BTreeSet<String> = (0..123).map(|_| world.double.make("live")).collect();
    let run = world.run().await;
    assert!(run.is_done());
    let foreign: BTreeSet<String> = run.mirror.foreign.iter().map(|foreign| foreign.external_id.to_string()).collect();
    assert_eq!(foreign, others);
    world.settled().await;
    assert_eq!(world.double.keys("live").len(), 124);
}

#[tokio::test]
async fn a_raised_generation_makes_a_second_key_and_the_first_goes_when_that_is_approved() {
    let mut world = World::new(PLAYER).await;
    world.done().await;
    let first = world.settled().await;
    world.says(&format!("{PLAYER}, generation: 1")).await;
    assert_eq!(world.done().await, [Deed::Rotate]);
    let second = world.settled().await;
    assert_ne!(first, second);
    assert_eq!(world.double.keys("live"), [first.clone(), second.clone()], "the old one still works");

    let approval = world.plan().await.approval.unwrap();
    assert_eq!(approval.calls.len(), 1);
    let because = &approval.calls[0].because;
    assert!(because.contains(&first) && because.contains("every token that was signed with the key stops working"), "{because}");
    world.approved.push(approval.calls[0].digest);
    assert_eq!(world.done().await, [Deed::Remove]);
    assert_eq!(world.double.keys("live"), std::slice::from_ref(&second));
    assert_eq!(world.settled().await, second);
    assert_eq!(world.plan().await.approval, None);
}

#[tokio::test]
async fn a_key_whose_answer_got_lost_is_made_again_and_the_lost_one_is_told() {
    let losses = [
        Happens::Lose,
        Happens::Instead(Answer::text(502, "bad gateway")),
        Happens::Instead(Answer::html()),
        Happens::Broken,
        Happens::Trickle,
        Happens::Huge { announced: true },
        Happens::Huge { announced: false },
    ];
    for loss in losses {
        let mut world = World::new(PLAYER).await;
        let before = world.double.make("live");
        world.patience = if matches!(loss, Happens::Trickle) { Duration::from_secs(2) } else { world.patience };
        world.double.front().plant(Fault::new(loss).on(Method::POST, "/iam/signing-keys"));
        let run = world.run().await;
        assert!(matches!(&run.ends[..], [CallEnd::Failed(fault)] if !fault.changed_nothing()), "{:?}", run.ends);
        assert!(!world.folder.path().join("player").exists());
        let lost = world.double.keys("live").pop().unwrap();
        world.double.front().calm();
        world.patience = Limits::default().attempt;

        assert_eq!(world.done().await, [Deed::Create], "exactly one more");
        let kept = world.settled().await;
        assert_eq!(world.double.keys("live"), [before.clone(), lost.clone(), kept.clone()]);
        assert_eq!(*world.entry().await.orphans, [Box::from(&*lost)]);
        let approval = world.plan().await.approval.unwrap();
        assert!(approval.calls[0].because.contains(&lost), "{approval:?}");
        world.approved.push(approval.calls[0].digest);
        assert_eq!(world.done().await, [Deed::Remove]);
        assert_eq!(world.double.keys("live"), [before, kept]);
    }
}

#[tokio::test]
async fn a_rotation_whose_answer_got_lost_leaves_the_old_key_where_it_is() {
    let mut world = World::new(PLAYER).await;
    world.done().await;
    let first = world.settled().await;
    world.says(&format!("{PLAYER}, generation: 1")).await;
    world.double.front().plant(Fault::new(Happens::Lose).on(Method::POST, "/iam/signing-keys"));
    assert!(!world.run().await.is_done());
    assert_eq!(world.kept().0, first, "the Secret holds a key that works");
    let lost = world.double.keys("live").pop().unwrap();
    assert_eq!(world.done().await, [Deed::Rotate]);
    let second = world.settled().await;
    let mut orphans = [Box::from(&*first), Box::from(&*lost)];
    orphans.sort();
    assert_eq!(*world.entry().await.orphans, orphans);
    assert_eq!(world.double.keys("live"), [first, lost, second]);
}

/// A place that says that it can be written to, and then cannot.
#[derive(Debug)]
struct Full(Folder);

impl Secrets for Full {
    fn read<'a>(&'a self, name: &'a str, key: &'a str) -> BoxFuture<'a, Result<Secret, SecretError>> {
        self.0.read(name, key)
    }

    fn may_write<'a>(&'a self, owner: &'a str, name: &'a str) -> BoxFuture<'a, Result<(), SecretError>> {
        self.0.may_write(owner, name)
    }

    fn write<'a>(&'a self, _: &'a str, name: &'a str, _: &'a Values) -> BoxFuture<'a, Result<(), SecretError>> {
        let why = "no space left on device".to_owned();
        Box::pin(async move { Err(SecretError::Failed { what: "write", place: name.to_owned(), why }) })
    }

    fn kept<'a>(&'a self, owner: &'a str, name: &'a str, key: &'a str) -> BoxFuture<'a, Result<bool, SecretError>> {
        self.0.kept(owner, name, key)
    }

    fn exists<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<bool, SecretError>> {
        self.0.exists(name)
    }
}

#[tokio::test]
async fn a_key_that_was_made_and_could_not_be_kept_is_made_again() {
    let mut world = World::new(PLAYER).await;
    world.secrets = Arc::new(Full(Folder::new(world.folder.path())));
    let run = world.run().await;
    let CallEnd::Failed(fault) = &run.ends[0] else { panic!("{:?}", run.ends) };
    let lost = world.double.keys("live").pop().unwrap();
    assert!(fault.to_string().contains(&lost) && fault.to_string().contains("no space left"), "{fault}");
    world.secrets = Arc::new(Folder::new(world.folder.path()));
    assert_eq!(world.done().await, [Deed::Create]);
    world.settled().await;
    assert_eq!(*world.entry().await.orphans, [Box::from(&*lost)]);
}

#[tokio::test]
async fn what_passes_by_itself_changes_nothing_about_the_end() {
    let passing = [
        Happens::Answer(Answer::too_many().retry_after("7")),
        Happens::Answer(Answer::too_many()),
        Happens::Refuse,
        Happens::Answer(Answer::text(500, "oops")),
        Happens::Answer(Answer::text(503, "later").retry_after("Thu, 01 Jan 1970 00:00:20 GMT")),
        Happens::Lose,
    ];
    for fault in passing {
        let world = World::new(PLAYER).await;
        world.double.front().plant(Fault::new(fault).on(Method::GET, "/iam/signing-keys").times(2));
        assert_eq!(world.done().await, [Deed::Create]);
        assert_eq!(world.double.front().left(), 0);
        assert_eq!(world.double.front().writes().len(), 1);
        world.settled().await;
    }
    let world = World::new(PLAYER).await;
    world.double.front().plant(Fault::new(Happens::Answer(Answer::too_many())).on(Method::POST, "/iam/signing-keys"));
    assert_eq!(world.done().await, [Deed::Create]);
    world.settled().await;
}

#[tokio::test]
async fn where_the_list_cannot_be_read_whole_nothing_is_planned() {
    let broken = [
        Happens::Repeat,
        Happens::Answer(Answer::html()),
        Happens::Answer(Answer::redirect("http://169.254.169.254/")),
        Happens::Answer(Answer::text(401, "")),
        Happens::Answer(Answer::text(403, "")),
        Happens::Answer(Answer::text(503, "")),
        Happens::Huge { announced: true },
        Happens::Huge { announced: false },
        Happens::Broken,
    ];
    for fault in broken {
        let world = World::new(PLAYER).await;
        (0..70).for_each(|_| drop(world.double.make("live")));
        world.double.front().plant(Fault::new(fault).on(Method::GET, "/iam/signing-keys").always());
        let mirror = world.plan().await;
        assert!(mirror.calls.is_empty() && mirror.foreign.is_empty(), "{mirror:?}");
        assert_eq!(mirror.unobservable.keys().map(|place| place.as_str()).collect::<Vec<_>>(), ["live"]);
        world.double.front().calm();
        assert_eq!(world.done().await, [Deed::Create]);
    }
}

#[tokio::test]
async fn a_list_that_changes_while_it_is_read_is_read_again() {
    let world = World::new(PLAYER).await;
    (0..70).for_each(|_| drop(world.double.make("live")));
    let double = world.double.clone();
    let first = world.double.keys("live")[0].clone();
    let edit = Arc::new(move || {
        double.make("live");
        double.delete("live", &first);
    });
    world.double.front().plant(Fault::new(Happens::After(edit)).on(Method::GET, "offset=1"));
    assert_eq!(world.plan().await.foreign.len(), 70);
    assert_eq!(world.double.front().count(&Method::GET), 5, "three pages that do not fit together, and two that do");
}

#[tokio::test]
async fn a_key_that_was_deleted_in_the_dashboard_is_made_again_where_drift_is_corrected_and_somebody_approves_it() {
    let mut world = World::new(PLAYER).await;
    world.done().await;
    let first = world.settled().await;
    world.double.delete("live", &first);
    world.drift = DriftPolicy::Warn;
    let mirror = world.plan().await;
    assert!(mirror.calls.is_empty() && mirror.drift.len() == 1, "{mirror:?}");
    world.drift = DriftPolicy::Correct;
    let mirror = world.plan().await;
    assert!(mirror.calls.is_empty(), "its secret is not replaced unasked: {mirror:?}");
    world.approved.push(mirror.approval.unwrap().calls[0].digest);
    assert_eq!(world.done().await, [Deed::Create]);
    assert_ne!(world.settled().await, first);
}

#[tokio::test]
async fn a_key_goes_only_when_its_object_is_purged_and_somebody_approves_it() {
    let mut world = World::new(PLAYER).await;
    world.done().await;
    let id = world.settled().await;
    world.purged = true;
    let mirror = world.plan().await;
    assert!(mirror.calls.is_empty());
    let approval = mirror.approval.unwrap();
    assert!(approval.calls[0].because.contains("every token that was signed with the key stops working at once"));
    assert_eq!(world.done().await, []);
    assert_eq!(world.double.keys("live"), [id]);
    world.approved.push(approval.calls[0].digest);
    assert_eq!(world.done().await, [Deed::Remove]);
    assert!(world.double.keys("live").is_empty() && world.journal().await.is_empty());
}

#[tokio::test]
async fn a_removal_whose_answer_gets_lost_is_done_once() {
    for fault in [Happens::Lose, Happens::Instead(Answer::text(500, "")), Happens::Twice] {
        let mut world = World::new(PLAYER).await;
        world.done().await;
        world.purged = true;
        world.approved.push(world.plan().await.approval.unwrap().calls[0].digest);
        world.double.front().forget();
        world.double.front().plant(Fault::new(fault).on(Method::DELETE, ""));
        assert_eq!(world.done().await, [Deed::Remove]);
        assert_eq!(world.double.front().writes(), ["delete a key in live"]);
        assert!(world.journal().await.is_empty());
    }
}

#[tokio::test]
async fn credentials_that_do_not_let_in_are_told_with_the_way_out() {
    let world = World::new(PLAYER).await;
    world.double.revoke(&world.token);
    let unobservable = world.plan().await.unobservable;
    assert!(unobservable["live"].contains("check the Secret that they come from"), "{unobservable:?}");
    fs::remove_file(world.folder.path().join("fastpix/live")).unwrap();
    let unobservable = world.plan().await.unobservable;
    assert!(unobservable["live"].contains("there is no secret"), "{unobservable:?}");
    write(world.folder.path(), "fastpix/live", "no colon");
    let unobservable = world.plan().await.unobservable;
    assert!(unobservable["live"].contains("write it as ID:SECRET"), "{unobservable:?}");
}

#[tokio::test]
async fn a_token_that_only_reads_makes_nothing() {
    let world = World::new(PLAYER).await;
    let reader = world.double.token("live", false);
    write(world.folder.path(), "fastpix/live", &format!("{}:{}", reader.id, reader.secret));
    let run = world.run().await;
    assert!(matches!(&run.ends[..], [CallEnd::Failed(muster::backend::Fault::Denied { status: 403 })]), "{:?}", run.ends);
    assert!(world.journal().await.is_empty() && !world.folder.path().join("player").exists());
}

#[tokio::test]
async fn what_has_no_api_is_named() {
    let lacking = |shape: Shape| shape.lacking.into_iter().map(|lacks| lacks.path.to_string()).collect::<Vec<_>>();
    let world = World::new("type: AccessToken, writeSecretToRef: {name: player}").await;
    let shape = world.shape().await;
    assert!(shape.wanted.is_empty());
    assert_eq!(lacking(shape), ["type"]);
    let world = World::new(&format!("{PLAYER}, rotation: {{every: 2160h, overlap: 24h}}")).await;
    assert_eq!(lacking(world.shape().await), ["rotation.overlap"]);
    assert_eq!(lacking(World::new(PLAYER).await.shape().await), Vec::<String>::new());
}
