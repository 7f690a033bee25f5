//! What a controller looks like when it is written after the book: the finalizer helper, a GET for a fresh object, a status that says that
//! work is under way and one that says that it is done, and an Event. It does nothing else; Muster is measured against it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use kube::api::{Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject};
use kube::runtime::Controller;
use kube::runtime::controller::{Action, Config};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::runtime::finalizer::{Error as FinalizerError, Event as Finalizer, finalizer};
use kube::runtime::watcher;
use kube::{Api, Client, Resource as _, ResourceExt as _};
use serde_json::json;

const FINALIZER: &str = "textbook.example.org/cleanup";

struct Context {
    client: Client,
    recorder: Recorder,
    resource: ApiResource,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("finalizer: {0}")]
    Finalizer(#[source] Box<FinalizerError<kube::Error>>),
}

/// Looks after the objects of this kind in a namespace, for ever.
pub async fn run(client: Client, namespace: &str, resource: ApiResource) {
    let reporter = Reporter { controller: "textbook.example.org".to_owned(), instance: None };
    let recorder = Recorder::new(client.clone(), reporter);
    let context = Arc::new(Context { client: client.clone(), recorder, resource: resource.clone() });
    let objects: Api<DynamicObject> = Api::namespaced_with(client, namespace, &resource);
    let config = Config::default().concurrency(12);
    Controller::new_with(objects, watcher::Config::default(), resource)
        .with_config(config)
        .run(reconcile, error_policy, context)
        .for_each(|_| std::future::ready(()))
        .await;
}

async fn reconcile(object: Arc<DynamicObject>, context: Arc<Context>) -> Result<Action, Error> {
    let namespace = object.namespace().unwrap_or_default();
    let api: Api<DynamicObject> = Api::namespaced_with(context.client.clone(), &namespace, &context.resource);
    let ended = finalizer(&api, FINALIZER, object, |event| async {
        match event {
            Finalizer::Apply(object) => apply(&api, &object, &context).await,
            Finalizer::Cleanup(_) => Ok(Action::await_change()),
        }
    });
    ended.await.map_err(|error| Error::Finalizer(Box::new(error)))
}

async fn apply(api: &Api<DynamicObject>, object: &DynamicObject, context: &Context) -> Result<Action, kube::Error> {
    let name = object.name_any();
    let object = api.get(&name).await?;
    let generation = object.metadata.generation;
    if object.data["status"]["observedGeneration"] == json!(generation) {
        return Ok(Action::requeue(Duration::from_mins(5)));
    }
    set_ready(api, &object, ("False", "Progressing", "applying"), None).await?;
    set_ready(api, &object, ("True", "Succeeded", "applied"), generation).await?;
    let event = Event {
        type_: EventType::Normal,
        reason: "Applied".to_owned(),
        note: Some(format!("{name} was applied")),
        action: "Reconcile".to_owned(),
        secondary: None,
    };
    context.recorder.publish(&event, &object.object_ref(&context.resource)).await?;
    Ok(Action::requeue(Duration::from_mins(5)))
}

async fn set_ready(
    api: &Api<DynamicObject>,
    object: &DynamicObject,
    (status, reason, message): (&str, &str, &str),
    observed: Option<i64>,
) -> Result<(), kube::Error> {
    let condition = json!({
        "type": "Ready", "status": status, "reason": reason, "message": message, "lastTransitionTime": jiff::Timestamp::now(),
        "observedGeneration": object.metadata.generation,
    });
    let patch = json!({ "status": { "observedGeneration": observed, "conditions": [condition] } });
    api.patch_status(&object.name_any(), &PatchParams::default(), &Patch::Merge(&patch)).await.map(drop)
}

fn error_policy(_: Arc<DynamicObject>, _: &Error, _: Arc<Context>) -> Action {
    Action::requeue(Duration::from_secs(5))
}
