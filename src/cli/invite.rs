use std::collections::BTreeSet;

use clap::Args;
use serde_json::{Value, json};

use super::{Console, Exit, Failure};
use crate::api::types::{Email, ObjectName};
use crate::api::{API_VERSION, Kind};

#[derive(Args, Debug)]
pub struct Arguments {
    /// The addresses, separated by commas, semicolons, spaces or lines
    #[arg(value_name = "EMAILS", required = true)]
    addresses: Vec<String>,
    /// The organization
    #[arg(long, value_name = "NAME", value_parser = name)]
    organization: String,
    /// The role: in the workspaces where some are named, else in the organization
    #[arg(long, value_name = "ROLE")]
    role: String,
    /// A workspace to invite to; may be given several times
    #[arg(long, value_name = "NAME", value_parser = name)]
    workspace: Vec<String>,
    /// A workspace to assign to, where the role is given in the organization (FastPix); may be given several times
    #[arg(long, value_name = "NAME", value_parser = name, conflicts_with = "workspace")]
    assign: Vec<String>,
    /// The namespace of the documents
    #[arg(short, long, value_name = "NAME", value_parser = name)]
    namespace: Option<String>,
}

/// `muster invite`.
pub fn run(arguments: &Arguments, console: &Console) -> Result<Exit, Failure> {
    let mut taken = BTreeSet::new();
    let documents = addresses(&arguments.addresses)?.into_iter().map(|address| {
        let name = free_name(&address, &taken);
        taken.insert(name.clone());
        serde_yaml::to_string(&arguments.document(&name, &address))
    });
    console.print(&documents.collect::<Result<Vec<_>, _>>()?.join("---\n"))?;
    Ok(Exit::Done)
}

impl Arguments {
    fn document(&self, name: &str, address: &str) -> Value {
        let mut metadata = json!({ "name": name });
        if let Some(namespace) = &self.namespace {
            metadata["namespace"] = namespace.as_str().into();
        }
        let mut spec = json!({ "organizationRef": { "name": self.organization }, "email": address });
        if self.workspace.is_empty() {
            spec["role"] = self.role.as_str().into();
            if !self.assign.is_empty() {
                spec["workspaces"] = self.assign.iter().map(|workspace| json!({ "name": workspace })).collect();
            }
        } else {
            let entry = |workspace: &String| json!({ "name": workspace, "role": self.role });
            spec["workspaces"] = self.workspace.iter().map(entry).collect();
        }
        json!({ "apiVersion": API_VERSION, "kind": Kind::Member.as_str(), "metadata": metadata, "spec": spec })
    }
}

/// The addresses of a list as people paste it, each once, upper and lower case being the same.
fn addresses(texts: &[String]) -> Result<Vec<String>, Failure> {
    let words = texts.iter().flat_map(|text| text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';')));
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    let mut wrong = Vec::new();
    for word in words.map(|word| word.trim_matches(['<', '>', '"', '\''])).filter(|word| !word.is_empty()) {
        if serde_json::from_value::<Email>(word.into()).is_err() {
            wrong.push(word);
        } else if seen.insert(word.to_lowercase()) {
            found.push(word.to_owned());
        }
    }
    match (wrong.is_empty(), found.is_empty()) {
        (false, _) => Err(Failure::Usage(format!("not an e-mail address: {}", wrong.join(", ")))),
        (true, true) => Err(Failure::Usage("there is no address in the list".to_owned())),
        _ => Ok(found),
    }
}

/// A name made of the address that no other has.
fn free_name(address: &str, taken: &BTreeSet<String>) -> String {
    let local = address.split('@').next().unwrap_or_default().to_lowercase();
    let words: Vec<&str> = local.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let base: String = words.join("-").chars().take(58).collect();
    let base = if base.is_empty() { "member".to_owned() } else { base.trim_end_matches('-').to_owned() };
    let numbered = (2..).map(|number| format!("{base}-{number}"));
    std::iter::once(base.clone()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or(base.clone())
}

fn name(text: &str) -> Result<String, String> {
    let parsed = serde_json::from_value::<ObjectName>(text.into()).map_err(|error| error.to_string())?;
    Ok(parsed.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_list_is_read_whatever_separates_it() {
        let list = ["a@x.example, b@x.example;c@x.example\n<d@x.example> A@x.example".to_owned()];
        assert_eq!(addresses(&list).unwrap(), ["a@x.example", "b@x.example", "c@x.example", "d@x.example"]);
        let wrong = addresses(&["a@x.example, b, @x".to_owned()]).unwrap_err().to_string();
        assert_eq!(wrong, "not an e-mail address: b, @x");
        assert!(addresses(&[" , ".to_owned()]).is_err());
    }

    #[test]
    fn names_are_made_of_addresses_and_each_is_taken_once() {
        let mut taken = BTreeSet::new();
        let mut next = |address: &str| {
            let name = free_name(address, &taken);
            taken.insert(name.clone());
            name
        };
        assert_eq!(next("Alice.Adams+work@x.example"), "alice-adams-work");
        assert_eq!(next("alice.adams.work@y.example"), "alice-adams-work-2");
        assert_eq!(next("_@x.example"), "member");
    }
}
