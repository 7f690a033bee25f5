//! The journal of calls to services.

use muster::api::Kind;
use muster::store::{Observe as _, Settle, Store as _, StoreError};
use muster::tenancy::{Deed, Intent, Mirrored, Revision, Row};
use serde_json::{Map, json};

use super::subject::{ACME, Subject, at, erase, put, row};

fn begun(row: &Row) -> Mirrored {
    let sends = json!({ "name": "Zoë's 'show'", "secrets": { "upload.secret": "sha256:00" } });
    Mirrored {
        id: row.id,
        key: row.key.clone(),
        service: "hundredms https://api.100ms.live/v2".into(),
        place: "studio".into(),
        reached: serde_json::from_value(json!({ "name": "acme-100ms", "key": "studio" })).unwrap(),
        external_id: None,
        sent: Map::new(),
        sent_at: at(1),
        within: Some(row.id),
        orphans: vec!["lost".into()],
        intent: Some(Intent {
            deed: Deed::Create,
            sends: sends.as_object().unwrap().clone(),
            since: at(2),
            listed: vec!["old".into()],
        }),
    }
}

fn intent(row: &Row) -> Intent {
    begun(row).intent.unwrap()
}

fn done(row: &Row) -> Mirrored {
    let begun = begun(row);
    let sent = begun.intent.clone().unwrap().sends;
    Mirrored { external_id: Some("ext-1".into()), sent, intent: None, ..begun }
}

async fn with(subject: &Subject, row: &Row) -> Revision {
    subject.commit(Revision::default(), [put(row)]).await;
    subject.observe().await.revision
}

pub async fn a_call_is_written_down_before_and_after_it_is_made(subject: Subject) {
    let (store, acme) = (&subject.store, ACME.into());
    let template = row(Kind::Template, "show", "{}");
    let base = with(&subject, &template).await;
    assert_eq!(store.journal(&acme).await.unwrap(), []);

    store.begin(&acme, base, &begun(&template)).await.unwrap();
    assert_eq!(store.journal(&acme).await.unwrap(), [begun(&template)]);
    assert_eq!(subject.observe().await.revision, base, "the journal is no change of the organization");

    let after = store.settle(&acme, base, &intent(&template), &Settle::Keep(Box::new(done(&template)))).await.unwrap().unwrap();
    assert_eq!(store.journal(&acme).await.unwrap(), [done(&template)]);
    let observed = subject.observe().await;
    assert_eq!(observed.revision, after);
    assert_ne!(after, base, "the object has an id at the service now");
    assert_eq!(observed.rows[0].external_id.as_deref(), Some("ext-1"));
    assert_eq!(observed.rows[0].digest, template.digest, "an id is no edit by hand");

    let late = store.settle(&acme, after, &intent(&template), &Settle::Drop(template.id)).await.unwrap();
    assert_eq!(late, None, "somebody else ended the call");
    assert_eq!(store.journal(&acme).await.unwrap(), [done(&template)]);
    store.begin(&acme, after, &Mirrored { intent: begun(&template).intent, ..done(&template) }).await.unwrap();
    let again = store.settle(&acme, after, &intent(&template), &Settle::Keep(Box::new(done(&template)))).await.unwrap();
    assert_eq!(again, Some(after), "what is known already changes nothing");
    store.begin(&acme, after, &begun(&template)).await.unwrap();
    store.settle(&acme, after, &intent(&template), &Settle::Drop(template.id)).await.unwrap().unwrap();
    assert_eq!(store.journal(&acme).await.unwrap(), []);
    assert_eq!(subject.observe().await.rows[0].external_id, None);
}

pub async fn a_call_begins_only_under_the_revision_that_it_was_planned_on(subject: Subject) {
    let (store, acme) = (&subject.store, ACME.into());
    let template = row(Kind::Template, "show", "{}");
    let base = with(&subject, &template).await;
    subject.commit(base, [put(&row(Kind::Member, "alice", "{}"))]).await;
    let error = store.begin(&acme, base, &begun(&template)).await.unwrap_err();
    assert!(matches!(error, StoreError::Stale { .. }), "{error}");
    assert_eq!(store.journal(&acme).await.unwrap(), []);
    assert!(store.begin(&"nobody".into(), base, &begun(&template)).await.is_err());
}

pub async fn what_happened_is_written_down_whoever_wrote_meanwhile(subject: Subject) {
    let (store, acme) = (&subject.store, ACME.into());
    let template = row(Kind::Template, "show", "{}");
    let base = with(&subject, &template).await;
    store.begin(&acme, base, &begun(&template)).await.unwrap();
    subject.commit(base, [erase(&template)]).await;
    assert_eq!(store.settle(&acme, base, &intent(&template), &Settle::Keep(Box::new(done(&template)))).await.unwrap(), None);
    assert_eq!(store.journal(&acme).await.unwrap(), [done(&template)], "also where the object was purged");
}
