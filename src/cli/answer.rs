use clap::Args;

use super::flags::{ActorFlags, StoreFlags, WhichFlags, now};
use super::planning::HOLDER;
use super::{Console, Exit, Failure, ci, stored};
use crate::engine::{Answer, Apply, answer};
use crate::plan::render::safe;
use crate::store::{AnyStore, Observe};
use crate::tenancy::{Name, World, members_with_email};

#[derive(Args, Debug)]
pub struct Arguments {
    /// The address that was invited
    #[arg(value_name = "EMAIL")]
    email: String,
    #[command(flatten)]
    which: WhichFlags,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    actor: ActorFlags,
}

/// `muster accept` and `muster decline`.
pub async fn run(arguments: &Arguments, what: Answer, console: &Console) -> Result<Exit, Failure> {
    let store = arguments.store.open_existing().await?;
    let answered = arguments.record(&store, what).await;
    store.close().await;
    let (organization, member) = answered?;
    let word = if what == Answer::Accept { "accepted" } else { "declined" };
    console.print(&format!("member/{} of {} {word} the invitation.\n", safe(&member), safe(&organization)))?;
    Ok(Exit::Done)
}

impl Arguments {
    async fn record(&self, store: &AnyStore, what: Answer) -> Result<(Name, Name), Failure> {
        let organization = self.organization(store).await?;
        let now = now();
        let how = Apply {
            now,
            manager: self.actor.manager.clone(),
            holder: HOLDER.into(),
            actor: ci::actor(self.actor.claimed.as_deref()),
            source: None,
            take_over: false,
            all_or_nothing: false,
            errored: false,
            seed: uuid::Uuid::new_v4().into_bytes(),
        };
        let member = answer(store, &organization, &self.email, what, self.actor.claimed.as_deref(), &how).await?;
        Ok((organization, member))
    }

    /// The named organization, or the only one that has a member with the address.
    async fn organization(&self, store: &AnyStore) -> Result<Name, Failure> {
        let names = stored::organizations(store, &self.which).await?;
        if let [only] = names.as_slice() {
            return Ok(only.clone());
        }
        let mut having = Vec::new();
        for name in names {
            let snapshot = store.observe(&name).await?;
            if members_with_email(&World::new(&snapshot.rows, now()), &self.email).next().is_some() {
                having.push(name);
            }
        }
        match having.as_slice() {
            [only] => Ok(only.clone()),
            [] => Err(Failure::Other(format!("no organization of the store has a member with the address {}", self.email))),
            many => {
                let names: Vec<&str> = many.iter().map(Name::as_str).collect();
                Err(Failure::Usage(format!(
                    "{} is a member of {}: say which one with --organization",
                    self.email,
                    names.join(", ")
                )))
            }
        }
    }
}
