use std::collections::BTreeMap;

use serde_json::Value;

use super::ACME;
use super::world::World;
use crate::api::{Kind, crds};
use crate::controller::object::SharedObject;
use crate::controller::recent::Recent;
use crate::controller::services::AtService;
use crate::controller::verdict::{Facts, of_all};
use crate::plan::mirror::Known;
use crate::store::Observe as _;
use crate::tenancy::{Key, Policy};

/// The organization of all tests with a membership that ends and a key that the service makes.
fn dated() -> String {
    let ends = ACME.replace("role: Member}]", "role: Member, expiresAt: '2999-01-31T00:00:00Z'}]");
    format!(
        "{ends}
---
apiVersion: muster.dev/v1alpha1
kind: Credential
metadata: {{name: player}}
spec: {{workspaceRef: {{name: design}}, type: SigningKey, rotation: {{every: 24h}}}}"
    )
}

/// A service that has the key, which is replaced at this moment.
fn service(renews_at: &str) -> AtService {
    let known = Known { external_id: "k1".into(), renews_at: Some(renews_at.parse().unwrap()) };
    AtService { known: BTreeMap::from([(Key::new(Kind::Credential, "player"), known)]), ..AtService::default() }
}

/// Tells everything that a service says, and returns how many statuses were written.
async fn tell(world: &mut World, service: &AtService) -> usize {
    let mut passed = world.pass("acme").await;
    let after = world.store.observe(&"acme".into()).await.unwrap();
    let objects: Vec<SharedObject> = world.cache.all().cloned().collect();
    let (organization, policy, recent) = ("acme".into(), Policy::standard(), Recent::default());
    let facts = Facts {
        organization: &organization,
        outcome: passed.outcome.as_ref(),
        findings: &[],
        after: &after,
        policy: &policy,
        recent: &recent,
        service: Some(service),
        pending: None,
        now: "2026-03-01T09:00:00Z".parse().unwrap(),
    };
    passed.verdicts = of_all(&facts, &objects);
    world.write(&passed)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_column_of_a_kind_shows_something_that_the_status_has() {
    let mut world = World::new().await;
    world.apply(&dated());
    world.settle("acme").await;
    tell(&mut world, &service("2026-06-01T09:00:00.5Z")).await;
    let mut columns = Vec::new();
    for crd in crds() {
        let kind = Kind::WRITTEN.into_iter().find(|kind| kind.as_str() == crd.spec.names.kind).unwrap();
        let paths = crd.spec.versions[0].additional_printer_columns.clone().unwrap_or_default();
        for path in paths.iter().filter_map(|column| column.json_path.strip_prefix(".status.")) {
            let is_of_all_kinds = path.starts_with("conditions[") || matches!(path, "externalId" | "lastSyncTime");
            if !is_of_all_kinds {
                columns.push((kind, format!("/{}", path.replace('.', "/"))));
            }
        }
    }
    assert_eq!(columns.len(), 5, "{columns:?}");
    for (kind, pointer) in columns {
        let name = match kind {
            Kind::Organization => "acme",
            Kind::Member => "bob",
            _ => "player",
        };
        let status = world.status(kind, name);
        assert!(status.pointer(&pointer).is_some_and(|value| !value.is_null()), "{kind} {pointer}\n{status:#}");
    }
    let key = world.status(Kind::Credential, "player");
    assert_eq!((&key["externalId"], &key["effective"]["rotatesAt"]), (&"k1".into(), &"2026-06-01T09:00:00Z".into()));
    assert_eq!(world.status(Kind::Member, "bob")["effective"]["expiresAt"], "2999-01-31T00:00:00Z");
    assert_eq!(world.status(Kind::Member, "alice")["effective"]["expiresAt"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_of_a_key_is_written_once_and_again_when_it_was_replaced() {
    let mut world = World::new().await;
    world.apply(&dated());
    world.settle("acme").await;
    tell(&mut world, &AtService::default()).await;
    let mut written = Vec::new();
    for moment in ["2026-06-01T09:00:00Z", "2026-06-01T09:00:00Z", "2026-06-02T09:00:00Z", "2026-06-02T09:00:00Z"] {
        written.push(tell(&mut world, &service(moment)).await);
    }
    assert_eq!(written, [1, 0, 1, 0]);
}
