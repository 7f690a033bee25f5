use std::collections::BTreeMap;
use std::fmt::Write;

use clap::Args;
use serde_json::{Value, json};

use super::flags::{Plain, StoreFlags, WhichFlags, moment, now};
use super::{Console, Exit, Failure, stored};
use crate::api::Kind;
use crate::plan::render::{Paint, json::FORMAT_VERSION, safe};
use crate::store::{Mode, Observe};
use crate::tenancy::view::View;
use crate::tenancy::{Access, Item, Key, Name, Snapshot, Standing, Viewer, World, access, members_with_email};

#[derive(Args, Debug)]
pub struct Arguments {
    /// The person: what they may do everywhere
    #[arg(value_name = "EMAIL", required_unless_present_any = ["workspace", "project"])]
    email: Option<String>,
    /// Everybody who may do something in this workspace
    #[arg(long, value_name = "NAME", conflicts_with = "project")]
    workspace: Option<String>,
    /// Everybody who may do something in this project, and in its workspaces
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Show only what this person may see; it narrows the answer and is no authentication
    #[arg(long = "as", value_name = "EMAIL")]
    viewer: Option<String>,
    #[command(flatten)]
    which: WhichFlags,
    #[command(flatten)]
    store: StoreFlags,
    /// As it will be at this date, if nothing is applied until then
    #[arg(long, value_name = "DATE", value_parser = moment)]
    as_of: Option<jiff::Timestamp>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Plain::Text, help_heading = "Output")]
    output: Plain,
}

/// What one member may do in one place.
struct Row {
    organization: Name,
    member: Name,
    email: String,
    standing: Standing,
    place: Key,
    access: Access,
}

/// `muster access`.
pub async fn run(arguments: &Arguments, console: &Console) -> Result<Exit, Failure> {
    let store = arguments.store.open(Mode::Read).await?;
    let mut rows = Vec::new();
    let mut known = false;
    for name in stored::organizations(&store, &arguments.which).await? {
        let (found, there) = arguments.rows(&store.observe(&name).await?);
        rows.extend(found);
        known |= there;
    }
    store.close().await;
    if !known {
        return Err(Failure::Other(arguments.unknown()));
    }
    match arguments.output {
        Plain::Text => console.print(&text(&rows, console))?,
        Plain::Json => console.print(&format!("{:#}\n", document(&rows)))?,
    }
    Ok(Exit::Done)
}

impl Arguments {
    fn place(&self) -> Option<Key> {
        let workspace = self.workspace.as_ref().map(|name| Key::new(Kind::Workspace, name.as_str()));
        workspace.or_else(|| self.project.as_ref().map(|name| Key::new(Kind::Project, name.as_str())))
    }

    fn unknown(&self) -> String {
        let place = self.place().map(|place| place.to_string());
        let email = self.email.as_ref().map(|email| format!("member with the address {email}"));
        let what = email.into_iter().chain(place).collect::<Vec<_>>().join(" and no ");
        match &self.viewer {
            Some(viewer) => format!("there is no {what} that {viewer} may see"),
            None => format!("the store has no {what}"),
        }
    }

    /// What is asked for in one organization, and whether it is there at all.
    fn rows(&self, snapshot: &Snapshot) -> (Vec<Row>, bool) {
        let world = World::new(&snapshot.rows, self.as_of.unwrap_or_else(now));
        let viewer = self.viewer.as_deref().map(|email| Viewer::new(&world, email));
        let sees_place = |place: &Key| viewer.as_ref().is_none_or(|viewer| viewer.sees_place(place));
        let sees = |member: &Name, place: &Key| viewer.as_ref().is_none_or(|viewer| viewer.sees_member(member, place));
        let members: Vec<Name> = match &self.email {
            Some(email) => members_with_email(&world, email).cloned().collect(),
            None => world.members().map(|(item, _)| item.row.key.name.clone()).collect(),
        };
        let places: Vec<Key> = match self.place() {
            Some(place) => world.get(&place).map(|_| place.clone()).into_iter().chain(workspaces_of(&world, &place)).collect(),
            None => [Kind::Organization, Kind::Project, Kind::Workspace]
                .into_iter()
                .flat_map(|kind| world.of_kind(kind))
                .map(|item| item.row.key.clone())
                .collect(),
        };
        let places: Vec<Key> = places.into_iter().filter(sees_place).collect();
        let is_seen = |member: &Name| places.iter().any(|place| sees(member, place));
        let members: Vec<Name> = members.into_iter().filter(|member| viewer.is_none() || is_seen(member)).collect();
        let known = !places.is_empty() && (self.email.is_none() || !members.is_empty());
        let mut rows: Vec<Row> = Vec::new();
        for member in &members {
            let Some((item, view)) = world.member(member) else { continue };
            let standing = world.standing(item, view);
            let row = |(place, access): (&Key, Access)| Row {
                organization: snapshot.organization.clone(),
                member: member.clone(),
                email: view.email.to_string(),
                standing,
                place: place.clone(),
                access,
            };
            let found = || places.iter().filter(|place| sees(member, place)).map(|place| (place, access(&world, member, place)));
            let before = rows.len();
            rows.extend(found().filter(|(_, access)| !access.is_empty()).map(row));
            if rows.len() == before && self.email.is_some() {
                // That somebody has no access is an answer too.
                rows.extend(found().take(1).map(row));
            }
        }
        (rows, known)
    }
}

/// The workspaces of a project.
fn workspaces_of(world: &World<'_>, place: &Key) -> Vec<Key> {
    let of_project = |item: &&Item<'_>| match &*item.view {
        View::Workspace(workspace) => World::project_of(workspace).as_ref() == Some(place),
        _ => false,
    };
    world.of_kind(Kind::Workspace).iter().filter(of_project).map(|item| item.row.key.clone()).collect()
}

fn text(rows: &[Row], console: &Console) -> String {
    let mut text = String::new();
    let mut last = None;
    let width = rows.iter().map(|row| row.place.to_string().len()).max().unwrap_or_default();
    for row in rows {
        let who = (&row.organization, &row.member);
        if last != Some(who) {
            let title = format!("{} is member/{} of organization {}, {}", row.email, row.member, row.organization, row.standing);
            let space = if last.is_some() { "\n" } else { "" };
            let _ = writeln!(text, "{space}{}", console.out.paint(Paint::Heading, &safe(&title)));
            last = Some(who);
        }
        let place = format!("{:<width$}", safe(&row.place.to_string()));
        let reasons = reasons(&row.access);
        if reasons.is_empty() {
            let _ = writeln!(text, "  {place}  no access");
        }
        for (reason, permissions) in reasons {
            let _ = writeln!(text, "  {place}  {}: {}", safe(&reason), console.out.paint(Paint::Faint, &permissions));
        }
    }
    if rows.is_empty() {
        text.push_str("Nobody has access.\n");
    }
    text
}

/// The permissions by the reason for them: `Admin of organization/acme`, `members:read,write workspace:read`.
fn reasons(access: &Access) -> Vec<(String, String)> {
    let mut by_reason: BTreeMap<String, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
    for (verb, grants) in access {
        let grants: Vec<String> = grants.iter().map(ToString::to_string).collect();
        let (resource, action) = verb.as_str().split_once(':').unwrap_or((verb.as_str(), ""));
        by_reason.entry(grants.join(" and ")).or_default().entry(resource).or_default().push(action);
    }
    let words = |resources: BTreeMap<&str, Vec<&str>>| {
        let word = |(resource, actions): (&str, Vec<&str>)| format!("{resource}:{}", actions.join(","));
        resources.into_iter().map(word).collect::<Vec<_>>().join(" ")
    };
    by_reason.into_iter().map(|(reason, resources)| (reason, words(resources))).collect()
}

fn document(rows: &[Row]) -> Value {
    let one = |row: &Row| {
        let permissions: BTreeMap<&str, Vec<String>> =
            row.access.iter().map(|(verb, grants)| (verb.as_str(), grants.iter().map(ToString::to_string).collect())).collect();
        json!({
            "organization": row.organization,
            "member": row.member,
            "email": row.email,
            "standing": row.standing.to_string(),
            "place": row.place.to_string(),
            "permissions": permissions,
        })
    };
    json!({ "format_version": FORMAT_VERSION, "access": rows.iter().map(one).collect::<Vec<_>>() })
}
