use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::super::Fault;
use super::super::keeping::look_at_secrets;
use super::Aaq;
use super::api::{Person, Workspace};
use super::send::{KEY, no_place_for_password};
use super::shape::{ADMIN, API_KEY, LANDS, LANGUAGE, READ_ONLY, ROLE, weight};
use crate::api::Kind;
use crate::plan::mirror::{Call, Found, Observed, Shape, Wanted};
use crate::tenancy::Name;

impl Aaq {
    /// Everything that AAQ has: the workspaces that the account is an admin of, and who is in those that are wanted.
    pub(super) async fn everything(&self, shape: &Shape) -> Observed {
        let mut observed = Observed::default();
        let there = match self.session.workspaces().await {
            Ok(there) => there,
            Err(fault) => {
                let why: Box<str> = fault.to_string().into();
                let places = shape.wanted.iter().map(|wanted| &wanted.place).chain(shape.places.keys());
                observed.unobservable = places.map(|place| (place.clone(), why.clone())).collect();
                return observed;
            }
        };
        observed.read.insert(Name::default());
        observed.reserved.insert((Kind::Membership, self.session.account().into()));
        observed.found = there.iter().map(found_workspace).collect();
        for wanted in shape.wanted.iter().filter(|wanted| wanted.key.kind == Kind::Workspace && wanted.live) {
            let place = &wanted.key.name;
            match self.which(wanted, shape.known.get(&wanted.id).map(|id| &**id), &there) {
                Ok(None) => drop(observed.read.insert(place.clone())),
                Ok(Some(workspace)) => match self.session.members(workspace).await {
                    Ok(members) => {
                        observed.found.extend(members.iter().map(|person| found_member(person, workspace, place)));
                        observed.found.extend(found_key(workspace, place));
                        observed.read.insert(place.clone());
                    }
                    Err(fault) => drop(observed.unobservable.insert(place.clone(), fault.to_string().into())),
                },
                Err(why) => drop(observed.unobservable.insert(place.clone(), why)),
            }
        }
        look_at_secrets(&*self.secrets, shape, KEY, &mut observed).await;
        self.look_at_accounts(shape, &mut observed).await;
        observed
    }

    /// Looks whether the password of each account that may have to be made could be kept. AAQ is asked for the account only where not.
    async fn look_at_accounts(&self, shape: &Shape, observed: &mut Observed) {
        let there = observed.found.iter().filter(|found| found.kind == Kind::Membership);
        let there: BTreeSet<(&Name, &str)> = there.map(|found| (&found.place, &*found.name)).collect();
        let is_there = |wanted: &Wanted| there.contains(&(&wanted.place, &*wanted.name));
        let candidates = shape.wanted.iter().filter(|wanted| wanted.key.kind == Kind::Membership && wanted.live);
        let mut unkeepable = BTreeMap::new();
        for wanted in candidates.filter(|wanted| observed.read.contains(&wanted.place) && !is_there(wanted)) {
            let Some((member, _)) = wanted.key.member_and_place() else { continue };
            let Err(error) = self.look_for_password(member, &wanted.name).await else { continue };
            if !error.retryable() && matches!(self.session.has_account(&wanted.name).await, Ok(false)) {
                unkeepable.insert(wanted.id, no_place_for_password(member, &error).into());
            }
        }
        observed.unkeepable.extend(unkeepable);
    }

    /// Which of the workspaces that can be seen is the wanted one; none where it is still to be made.
    fn which<'t>(&self, wanted: &Wanted, known: Option<&str>, there: &'t [Workspace]) -> Result<Option<&'t Workspace>, Box<str>> {
        let Some(known) = known else {
            return Ok(there.iter().find(|workspace| workspace.name == wanted.name));
        };
        let found = there.iter().find(|workspace| *workspace.id() == *known);
        found.map(Some).ok_or_else(|| format!("the account {} is not an admin of it at AAQ", self.session.account()).into())
    }

    /// The one thing that a call is about.
    pub(super) async fn the_one(&self, call: &Call) -> Result<Option<Found>, Fault> {
        match call.kind() {
            Kind::Workspace => self.the_workspace(call).await.map(|workspace| workspace.as_ref().map(found_workspace)),
            Kind::Membership => {
                let workspace = self.within(call).await?;
                let members = self.session.members(&workspace).await?;
                let is_it = |person: &&Person| match &call.external_id {
                    Some(id) => person.id == *id,
                    None => person.username == call.name,
                };
                Ok(members.iter().find(is_it).map(|person| found_member(person, &workspace, &call.place)))
            }
            Kind::Credential => Ok(found_key(&self.within(call).await?, &call.place)),
            _ => Ok(None),
        }
    }

    async fn the_workspace(&self, call: &Call) -> Result<Option<Workspace>, Fault> {
        match &call.external_id {
            Some(id) => self.session.workspace(id).await.map(Some),
            None => Ok(self.session.workspaces().await?.into_iter().find(|workspace| workspace.name == call.name)),
        }
    }

    /// The workspace that a call is about something in, as it is now.
    pub(super) async fn within(&self, call: &Call) -> Result<Workspace, Fault> {
        let id = call.within_id.as_deref().ok_or(Fault::Missing)?;
        self.session.workspace(id).await
    }
}

fn found_workspace(workspace: &Workspace) -> Found {
    Found {
        kind: Kind::Workspace,
        place: Name::default(),
        within: None,
        name: workspace.name.clone(),
        external_id: workspace.id(),
        fields: Map::from_iter([(LANGUAGE.to_owned(), workspace.language.as_ref().into())]),
        raw: Value::Null,
        weight: 0,
    }
}

fn found_member(person: &Person, workspace: &Workspace, place: &Name) -> Found {
    // A role of a later AAQ is told as AAQ writes it.
    let role = [ADMIN, READ_ONLY].into_iter().find(|role| role.there == &*person.role).map_or(&*person.role, |role| role.here);
    Found {
        kind: Kind::Membership,
        place: place.clone(),
        within: Some(workspace.id()),
        name: person.username.clone(),
        external_id: person.id.clone(),
        fields: Map::from_iter([(ROLE.to_owned(), role.into()), (LANDS.to_owned(), person.lands.into())]),
        raw: Value::Null,
        weight: weight(role),
    }
}

fn found_key(workspace: &Workspace, place: &Name) -> Option<Found> {
    Some(Found {
        kind: Kind::Credential,
        place: place.clone(),
        within: Some(workspace.id()),
        name: API_KEY.into(),
        external_id: workspace.key_made.clone()?,
        fields: Map::new(),
        raw: Value::Null,
        weight: 0,
    })
}
