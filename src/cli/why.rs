use std::fmt::Write;

use clap::Args;
use serde_json::{Value, json};

use super::flags::{InputFlags, Plain, StoreFlags, WhichFlags, moment, now};
use super::{Console, Exit, Failure, names, stored};
use crate::api::types::Set;
use crate::api::workspace::Scope;
use crate::api::{Kind, MemberSpec, Spec, Verb};
use crate::plan::render::{Paint, json::FORMAT_VERSION, safe};
use crate::source::Reading;
use crate::store::{Mode, Observe};
use crate::tenancy::{Grant, Key, Manifest, Name, Origin, World, access, members_with_email, obstacle, roles_with};

#[derive(Args, Debug)]
pub struct Arguments {
    /// The person
    #[arg(value_name = "EMAIL")]
    email: String,
    /// What the person would do, such as content:write
    #[arg(value_name = "VERB", value_parser = verb)]
    verb: Verb,
    /// Where: workspace/NAME, project/NAME or organization
    #[arg(value_name = "WHERE")]
    place: String,
    #[command(flatten)]
    input: InputFlags,
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

/// What is asked about a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Why somebody has it.
    Why,
    /// Why somebody does not have it.
    WhyNot,
}

/// The answer for one organization.
struct Answer {
    organization: Name,
    place: Key,
    allowed: bool,
    reasons: Vec<Reason>,
}

/// One link of the chain.
struct Reason {
    text: String,
    /// Where it is written, as far as the files say.
    origin: Option<(Origin, String)>,
}

/// `muster why` and `muster why-not`. The exit code says whether it is so, so that scripts can ask.
pub async fn run(arguments: &Arguments, question: Question, console: &Console) -> Result<Exit, Failure> {
    let written = if arguments.input.filename.is_empty() { None } else { Some(arguments.input.read(console)?) };
    let store = arguments.store.open(Mode::Read).await?;
    let mut answers = Vec::new();
    for name in stored::organizations(&store, &arguments.which).await? {
        let snapshot = store.observe(&name).await?;
        let world = World::new(&snapshot.rows, arguments.as_of.unwrap_or_else(now));
        let place = arguments.place(&name)?;
        if world.get(&place).is_some() {
            let namespace = snapshot.claim.as_ref().map(|claim| &*claim.namespace);
            answers.push(Asked { arguments, world: &world, place, namespace, written: written.as_ref() }.answer(name));
        }
    }
    store.close().await;
    if answers.is_empty() {
        return Err(Failure::Other(format!("the store has no {}", safe(&arguments.place))));
    }
    let allowed = answers.iter().any(|answer| answer.allowed);
    match arguments.output {
        Plain::Text => console.print(&text(arguments, &answers, console))?,
        Plain::Json => console.print(&format!("{:#}\n", document(arguments, &answers)))?,
    }
    Ok(if allowed == (question == Question::Why) { Exit::Done } else { Exit::Failed })
}

fn verb(text: &str) -> Result<Verb, String> {
    Verb::parse(text).ok_or_else(|| match crate::tenancy::nearest(text, Verb::WORDS.iter().copied()) {
        Some(meant) => format!("{text} is no permission; did you mean {meant}?"),
        None => format!("{text} is no permission; there are {}", Verb::WORDS.join(", ")),
    })
}

impl Arguments {
    fn place(&self, organization: &Name) -> Result<Key, Failure> {
        let own = Key::new(Kind::Organization, organization.clone());
        if self.place == "organization" {
            return Ok(own);
        }
        let key = names::key(&self.place).map_err(Failure::Usage)?;
        match key.kind {
            Kind::Organization | Kind::Project | Kind::Workspace => Ok(key),
            kind => {
                Err(Failure::Usage(format!("permissions are held in an organization, project or workspace, not in a {kind}")))
            }
        }
    }
}

/// A question to one organization.
struct Asked<'a> {
    arguments: &'a Arguments,
    world: &'a World<'a>,
    place: Key,
    /// The namespace that the organization was applied from.
    namespace: Option<&'a str>,
    written: Option<&'a Reading>,
}

impl Asked<'_> {
    fn answer(self, organization: Name) -> Answer {
        let Arguments { email, verb, .. } = self.arguments;
        let members: Vec<&Name> = members_with_email(self.world, email).collect();
        let mut reasons = Vec::new();
        let mut allowed = false;
        for member in &members {
            let grants = access(self.world, member, &self.place).remove(verb).unwrap_or_default();
            allowed |= !grants.is_empty();
            reasons.push(self.is_member(member));
            reasons.extend(grants.iter().flat_map(|grant| self.grant(member, grant)));
            if let Some(text) = obstacle(self.world, member, &self.place, *verb) {
                reasons.push(Reason { text, origin: None });
            }
        }
        if members.is_empty() {
            let text = format!("nobody in organization/{organization} has the address {email}");
            reasons.push(Reason { text, origin: None });
        }
        if !allowed {
            let text = match roles_with(self.world, *verb, &self.place).as_slice() {
                [] => format!("no role that can be given in {} includes {verb}", self.place),
                roles => format!("{verb} comes with {}", roles.join(", ")),
            };
            reasons.push(Reason { text, origin: None });
        }
        Answer { organization, place: self.place, allowed, reasons }
    }

    fn is_member(&self, member: &Name) -> Reason {
        let standing = self.world.member(member).map(|(item, view)| self.world.standing(item, view).to_string());
        let text = format!("{} is member/{member}, {}", self.arguments.email, standing.unwrap_or_default());
        Reason { text, origin: self.origin(&Key::new(Kind::Member, member.clone()), |_| "spec.email".to_owned()) }
    }

    /// A grant, why it counts in the place, and what the role includes.
    fn grant(&self, member: &Name, grant: &Grant) -> Vec<Reason> {
        let own = Key::new(Kind::Member, member.clone());
        let path = |manifest: &Manifest| match &*manifest.spec {
            Spec::Member(spec) => role_path(spec, &grant.place),
            _ => String::new(),
        };
        let mut reasons = vec![Reason { text: format!("is {grant}"), origin: self.origin(&own, path) }];
        let workspace = (self.place.kind == Kind::Workspace).then(|| self.world.workspace(&self.place.name)).flatten();
        let is_private = workspace.is_some_and(|workspace| workspace.scope == Some(Scope::Private));
        if grant.place != self.place && (grant.place.kind == Kind::Organization || is_private) {
            let by = if grant.place.kind == Kind::Organization { "the organization".to_owned() } else { grant.place.to_string() };
            let private = self.world.policy.private_workspaces;
            let also =
                if is_private { format!(" and access.privateWorkspaces: {private}, as it is Private") } else { String::new() };
            let text = format!("which reaches {}, because admins of {by} do (access.implicitAdmins{also})", self.place);
            reasons.push(Reason { text, origin: None });
        } else if grant.place != self.place {
            let text = format!("which reaches {}, because it is in {}", self.place, grant.place);
            reasons.push(Reason { text, origin: self.origin(&self.place, |_| "spec.projectRef".to_owned()) });
        }
        let verb = self.arguments.verb;
        let built_in = self.world.roles.get(&grant.role).is_some_and(|role| role.built_in);
        reasons.push(if built_in {
            Reason { text: format!("{} includes {verb}, as built in", grant.role), origin: None }
        } else {
            let defined = self.type_named(&grant.role).and_then(|key| self.origin(&key, |_| "spec.permissions".to_owned()));
            Reason { text: format!("{} includes {verb}", grant.role), origin: defined }
        });
        reasons
    }

    fn type_named(&self, role: &str) -> Option<Key> {
        let types = self.world.of_kind(Kind::MembershipType).iter();
        let named = types.filter(|item| match &*item.view {
            crate::tenancy::view::View::MembershipType(view) => view.name.as_deref().unwrap_or(&item.row.key.name) == role,
            _ => false,
        });
        named.map(|item| item.row.key.clone()).next()
    }

    /// Where the files write a field of an object.
    fn origin(&self, key: &Key, path: impl Fn(&Manifest) -> String) -> Option<(Origin, String)> {
        let Reading { input, sources } = self.written?;
        let is_own = |manifest: &&Manifest| self.namespace.is_none_or(|namespace| namespace == manifest.namespace.as_str());
        let manifest = input.manifests.iter().filter(is_own).find(|it| it.spec.kind() == key.kind && it.name == key.name)?;
        let path = path(manifest);
        let origin = manifest.origin.clone();
        let found = sources.locate(&origin, &path).map(|span| Origin { line: span.line, column: span.column, ..origin.clone() });
        Some((found.unwrap_or(origin), path))
    }
}

/// The field of a Member document that gives the role in a place.
fn role_path(spec: &MemberSpec, place: &Key) -> String {
    fn field(roles: Option<&Set<crate::api::types::Text<63>, 10>>) -> &'static str {
        if roles.is_some() { "roles" } else { "role" }
    }
    let project = || {
        let list = spec.projects.iter().flat_map(|list| list.iter());
        list.enumerate().find(|(_, it)| it.name.as_str() == place.name.as_str()).map(|(at, it)| (at, field(it.roles.as_ref())))
    };
    let workspace = || {
        let list = spec.workspaces.iter().flat_map(|list| list.iter());
        list.enumerate().find(|(_, it)| it.name.as_str() == place.name.as_str()).map(|(at, it)| (at, field(it.roles.as_ref())))
    };
    match place.kind {
        Kind::Project => project().map_or_else(String::new, |(at, field)| format!("spec.projects[{at}].{field}")),
        Kind::Workspace => workspace().map_or_else(String::new, |(at, field)| format!("spec.workspaces[{at}].{field}")),
        _ => format!("spec.{}", field(spec.roles.as_ref())),
    }
}

fn text(arguments: &Arguments, answers: &[Answer], console: &Console) -> String {
    let Arguments { email, verb, .. } = arguments;
    let mut text = String::new();
    let several = answers.len() > 1;
    for answer in answers {
        let may = if answer.allowed { "may" } else { "may not" };
        let of = if several { format!(" of organization/{}", answer.organization) } else { String::new() };
        let title = format!("{email} {may} {verb} in {}{of}:", answer.place);
        let _ = writeln!(text, "{}", console.out.paint(Paint::Heading, &safe(&title)));
        for Reason { text: reason, origin } in &answer.reasons {
            let place = match origin {
                Some((origin, path)) if path.is_empty() => format!("  ({origin})"),
                Some((origin, path)) => format!("  ({origin}, {path})"),
                None => String::new(),
            };
            let _ = writeln!(text, "  {}{}", safe(reason), console.out.paint(Paint::Faint, &safe(&place)));
        }
    }
    text
}

fn document(arguments: &Arguments, answers: &[Answer]) -> Value {
    let reason = |Reason { text, origin }: &Reason| match origin {
        Some((origin, path)) => {
            json!({ "text": text, "source": { "file": origin.file, "line": origin.line, "column": origin.column, "path": path } })
        }
        None => json!({ "text": text }),
    };
    let answer = |answer: &Answer| {
        json!({
            "organization": answer.organization,
            "place": answer.place.to_string(),
            "allowed": answer.allowed,
            "reasons": answer.reasons.iter().map(reason).collect::<Vec<_>>(),
        })
    };
    json!({
        "format_version": FORMAT_VERSION,
        "email": arguments.email,
        "permission": arguments.verb.as_str(),
        "answers": answers.iter().map(answer).collect::<Vec<_>>(),
    })
}
