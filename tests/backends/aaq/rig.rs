//! An organization in a store, a double of AAQ, and what goes between the two.

use std::collections::BTreeSet;
use std::sync::Arc;

use muster::api::organization::AdoptionPolicy;
use muster::api::policy::DriftPolicy;
use muster::backend::aaq::{Aaq, CAPABILITIES, shape};
use muster::backend::http::{AllowList, Client, Rate, Settings};
use muster::backend::secrets::{Folder, Pair, Secret, Secrets};
use muster::backend::{Backend as _, CallEnd, Connection, Mirroring, State, Stop, carry_out};
use muster::engine::apply;
use muster::plan::mirror::{Call, Edit, Mirror, Terms, compare};
use muster::store::{Memory, Observe as _};
use muster::tenancy::{Name, Row};
use serde_json::Value;
use tempfile::TempDir;

use crate::aaq::Aaq as Double;
use crate::hasty::Hasty;
use crate::scenario::{Step, input, planned, steps};

/// Two workspaces, in one of which somebody reads only.
pub const LAKESIDE: &str = "
apiVersion: muster.dev/v1alpha1
kind: Organization
metadata: {name: lakeside}
spec: {preset: aaq}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: maternal}
spec: {organizationRef: {name: lakeside}, displayName: Maternal Health, language: SWAHILI}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: vaccination}
spec: {organizationRef: {name: lakeside}, displayName: Vaccination}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: asha}
spec: {organizationRef: {name: lakeside}, email: asha@lakeside.example, username: asha, workspaces: [{name: maternal, role: Admin}]}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: ben}
spec:
  organizationRef: {name: lakeside}
  email: ben@lakeside.example
  workspaces: [{name: maternal}, {name: vaccination, role: Admin}]
  defaultWorkspace: vaccination
";

/// What AAQ has when it has all of that, beside the account that Muster uses.
pub const THERE: [&str; 12] = [
    "\"asha\" is admin in \"Maternal Health\" by default",
    "\"ben@lakeside.example\" is admin in \"Vaccination\" by default",
    "\"ben@lakeside.example\" is read_only in \"Maternal Health\"",
    "\"muster\" is admin in \"Maternal Health\"",
    "\"muster\" is admin in \"Vaccination\"",
    "\"muster\" is admin in \"muster's Workspace\" by default",
    "user \"asha\"",
    "user \"ben@lakeside.example\"",
    "user \"muster\"",
    "workspace \"Maternal Health\" SWAHILI without a key",
    "workspace \"Vaccination\" ENGLISH without a key",
    "workspace \"muster's Workspace\" ENGLISH without a key",
];

/// The moment of every run.
const NOW: &str = "2026-03-02T09:00:00Z";

/// Everything that a test needs.
pub struct Rig {
    pub double: Double,
    client: Client,
    pub store: Memory,
    pub folder: TempDir,
    pub secrets: Arc<dyn Secrets>,
    pub drift: DriftPolicy,
    pub adoption: AdoptionPolicy,
    password: String,
}

impl Rig {
    /// An AAQ with an account for Muster, and a store with these documents.
    pub async fn new(documents: &str) -> Self {
        let (double, password) = Double::with_first_user("muster").await;
        let folder = TempDir::new().unwrap();
        let secrets = Arc::new(Folder::new(folder.path()));
        let (drift, adoption) = (DriftPolicy::Correct, AdoptionPolicy::Refuse);
        let mut settings = Settings::new("aaq", Rate::per_second(1_000_000, 1_000_000));
        settings.allow = Arc::new(["127.0.0.1".parse().unwrap()].into_iter().collect::<AllowList>());
        settings.clock = Hasty::new();
        settings.limits.body = 256 * 1024;
        let client = Client::new(double.url(), settings).unwrap();
        let rig = Self { double, client, store: Memory::default(), folder, secrets, drift, adoption, password };
        rig.apply(documents).await;
        rig
    }

    /// Applies documents to the store, with everything that they leave out removed.
    pub async fn apply(&self, documents: &str) {
        for step in steps(&format!("#! apply --prune --approve-all\n{documents}")) {
            let Step::Apply(options, text) = step else { panic!("documents only") };
            let plans = planned(&self.store, &input("lakeside.yaml", &text), &options).await.plans;
            assert!(plans.iter().all(|plan| plan.refusals.is_empty()), "{plans:#?}");
            apply(&self.store, plans, &options.apply()).await.unwrap();
        }
    }

    /// The rows of the store.
    pub async fn rows(&self) -> Vec<Row> {
        self.store.observe(&"lakeside".into()).await.unwrap().rows
    }

    /// What would be done.
    pub async fn mirror(&self) -> Mirror {
        self.planned(&self.rows().await).await.1
    }

    async fn planned(&self, rows: &[Row]) -> (Aaq, Mirror) {
        let state = State { rows, url: self.double.url(), secret_ref: None };
        let login = Pair { id: "muster".into(), secret: Secret::from(self.password.clone()) };
        let credentials = [("".into(), Ok(login))].into_iter().collect();
        let backend = Aaq::new(Connection { client: self.client.clone(), credentials, secrets: self.secrets.clone() });
        let shape = shape(&state);
        let observed = backend.observe(&shape).await;
        let stored: BTreeSet<_> = rows.iter().map(|row| row.id).collect();
        let journal = self.store.journal(&"lakeside".into()).await.unwrap();
        let terms = Terms {
            capabilities: &CAPABILITIES,
            url: self.double.url(),
            adoption: self.adoption,
            drift: self.drift,
            approved: &[],
            stored: &stored,
            others: &BTreeSet::new(),
            now: NOW.parse().unwrap(),
        };
        let mirror = compare(&shape, &observed, &journal, &terms);
        (backend, mirror)
    }

    /// Plans and does it.
    pub async fn run(&self) -> Mirroring {
        let organization = Name::from("lakeside");
        let snapshot = self.store.observe(&organization).await.unwrap();
        let (backend, mirror) = self.planned(&snapshot.rows).await;
        carry_out(&Stop::default(), &backend, &self.store, (&organization, snapshot.revision), (mirror, NOW.parse().unwrap()))
            .await
    }

    /// Runs, and everything is done.
    pub async fn done(&self) {
        let run = self.run().await;
        assert!(run.is_done(), "{run:#?}");
    }

    /// Nothing is left to do.
    pub async fn is_silent(&self) {
        let mirror = self.mirror().await;
        assert!(mirror.is_empty() && !mirror.has_differences(), "{mirror:#?}");
        assert!(mirror.refusals.is_empty() && mirror.held.is_empty() && mirror.unobservable.is_empty(), "{mirror:#?}");
    }

    /// The calls of a plan, as short lines.
    pub fn told(mirror: &Mirror) -> Vec<String> {
        let tell = |call: &Call| {
            let value = |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), ToString::to_string);
            let edit = |edit: &Edit| format!(" {}: {} -> {}", edit.path(), value(&edit.from), value(&edit.to));
            let edits: String = call.edits.iter().map(edit).collect();
            format!("{} {}{edits}", call.deed.word(), call.key)
        };
        mirror.calls.iter().map(tell).collect()
    }

    /// The sentences of what was not done, or is held before.
    pub fn complaints(run: &Mirroring) -> Vec<String> {
        let tell = |end: &CallEnd| match end {
            CallEnd::Done => None,
            CallEnd::Refused(why) => Some(why.clone()),
            CallEnd::Failed(fault) => Some(fault.to_string()),
            CallEnd::Skipped(why) => Some((*why).to_owned()),
        };
        let held = run.mirror.held.iter().map(|(_, because)| because.to_string());
        run.ends.iter().filter_map(tell).chain(held).collect()
    }

    /// A value of a Secret that was written.
    pub async fn secret(&self, name: &str, key: &str) -> String {
        self.secrets.read(name, key).await.unwrap().expose().to_owned()
    }

    /// Everything that is kept of a run or told about it holds none of the secrets.
    pub async fn keeps_secrets(&self, run: &Mirroring) {
        let journal = self.store.journal(&"lakeside".into()).await.unwrap();
        let rows = self.rows().await;
        let mirror = serde_json::to_string(&run.mirror).unwrap();
        let told = format!("{run:?}{journal:?}{rows:?}{mirror}{}", Self::complaints(run).join("\n"));
        let leaked: Vec<String> = self.double.secrets().into_iter().filter(|secret| told.contains(secret)).collect();
        assert!(!self.double.secrets().is_empty() && leaked.is_empty(), "{leaked:?}");
    }
}
