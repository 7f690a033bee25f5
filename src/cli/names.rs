use crate::api::Kind;
use crate::tenancy::{Key, nearest};

/// The kind that a user means: `workspace`, `Workspace`, `workspaces`, `mws` or `workspaces.muster.dev`.
pub fn kind(text: &str) -> Result<Kind, String> {
    let lower = text.to_lowercase();
    let matches = |kind: &Kind| {
        let names = [kind.label(), kind.plural(), kind.short()];
        names.contains(&&*lower) || kind.as_str().to_lowercase() == lower || kind.crd_name() == lower
    };
    Kind::ALL.into_iter().find(matches).ok_or_else(|| match nearest(&lower, Kind::ALL.map(Kind::label)) {
        Some(meant) => format!("{text} is no kind of Muster; did you mean {meant}?"),
        None => format!("{text} is no kind of Muster; the kinds are {}", Kind::WRITTEN.map(Kind::label).join(", ")),
    })
}

/// The object that a user means: `workspace/design`.
pub fn key(text: &str) -> Result<Key, String> {
    match text.split_once('/') {
        Some((word, name)) if !name.is_empty() => Ok(Key::new(kind(word)?, name)),
        _ => Err("write KIND/NAME, such as workspace/design".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_named_by_any_name_of_its_kind() {
        for text in ["workspace/design", "Workspace/design", "workspaces/design", "mws/design", "workspaces.muster.dev/design"] {
            assert_eq!(key(text), Ok(Key::new(Kind::Workspace, "design")));
        }
        assert_eq!(key("mrole/host"), Ok(Key::new(Kind::Role, "host")));
        assert_eq!(kind("membershiptype"), Ok(Kind::MembershipType));
    }

    #[test]
    fn a_misspelt_kind_is_told_what_was_meant() {
        assert_eq!(key("workspce/design").unwrap_err(), "workspce is no kind of Muster; did you mean workspace?");
        assert!(key("workspace").is_err() && key("workspace/").is_err());
    }
}
