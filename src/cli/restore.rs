use std::fmt::Write;

use clap::Args;

use super::flags::{ActorFlags, StoreFlags, WhichFlags, now};
use super::names::key;
use super::planning::HOLDER;
use super::{Console, Exit, Failure, ci, stored};
use crate::api::Kind;
use crate::engine::{Apply, restore, to_yaml};
use crate::plan::render::safe;
use crate::tenancy::Key;

#[derive(Args, Debug)]
pub struct Arguments {
    /// What was deleted, such as workspace/design
    #[arg(value_name = "KIND/NAME", value_parser = key)]
    object: Key,
    /// Restore the membership of member/NAME in this workspace
    #[arg(long, value_name = "NAME", conflicts_with = "project")]
    workspace: Option<String>,
    /// Restore the membership of member/NAME in this project
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    #[command(flatten)]
    which: WhichFlags,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    actor: ActorFlags,
}

/// `muster restore`.
pub async fn run(arguments: &Arguments, console: &Console) -> Result<Exit, Failure> {
    let key = arguments.key()?;
    let store = arguments.store.open_existing().await?;
    let organization = stored::organization(&store, &arguments.which).await?;
    let how = Apply {
        now: now(),
        manager: arguments.actor.manager.clone(),
        holder: HOLDER.into(),
        actor: ci::actor(arguments.actor.claimed.as_deref()),
        source: None,
        take_over: false,
        all_or_nothing: false,
        errored: false,
        seed: uuid::Uuid::new_v4().into_bytes(),
    };
    let restored = restore(&store, &organization, &key, arguments.actor.claimed.as_deref(), &how).await;
    store.close().await;
    let restored = restored?;
    let mut text = format!("Restored in organization {}:\n", safe(&organization));
    list(&mut text, &restored.objects);
    if !restored.without_access.is_empty() {
        text.push_str("Still without access, until the input has them:\n");
        list(&mut text, &restored.without_access);
    }
    if !console.in_automation {
        text.push_str("Nothing manages them yet, and nothing removes them. To manage them again, commit this and apply:\n\n");
    }
    console.note(&text);
    console.print(&to_yaml(&restored.documents)?)?;
    Ok(Exit::Done)
}

fn list(text: &mut String, keys: &[Key]) {
    for key in keys {
        let _ = writeln!(text, "  {}", safe(&key.to_string()));
    }
}

impl Arguments {
    fn key(&self) -> Result<Key, Failure> {
        let workspace = self.workspace.as_ref().map(|name| Key::new(Kind::Workspace, name.as_str()));
        let place = workspace.or_else(|| self.project.as_ref().map(|name| Key::new(Kind::Project, name.as_str())));
        match place {
            None => Ok(self.object.clone()),
            Some(place) if self.object.kind == Kind::Member => Ok(Key::membership(&self.object.name, &place)),
            Some(_) => Err(Failure::Usage("--workspace and --project name the place of a member: write member/NAME".to_owned())),
        }
    }
}
