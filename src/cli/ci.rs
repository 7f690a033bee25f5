//! What the environment of a CI system says. Only its variables and the event that they name are read, and nobody is trusted because
//! of them.

use serde_json::Value;

/// A variable that is set to something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// True when this runs in CI on behalf of a pull request, where anybody may have written the input.
pub fn on_pull_request() -> bool {
    let event = || serde_json::from_slice(&std::fs::read(variable("GITHUB_EVENT_PATH")?).ok()?).ok();
    on_pull_request_with(variable, event)
}

/// The events of GitHub whose input comes from a pull request.
const OF_PULL_REQUESTS: [&str; 4] = ["pull_request", "pull_request_target", "pull_request_review", "pull_request_review_comment"];

fn on_pull_request_with(variable: impl Fn(&str) -> Option<String>, event: impl FnOnce() -> Option<Value>) -> bool {
    let is = |name: &str, values: &[&str]| variable(name).is_some_and(|value| values.contains(&value.as_str()));
    let names_one = |name: &str| variable(name).is_some_and(|value| value != "false");
    // What such a run follows, only the event itself says: the run of a pull request, or a comment on one. Where it cannot be read, it
    // may be one.
    let follows = match variable("GITHUB_EVENT_NAME").as_deref() {
        Some("workflow_run") => event().is_none_or(|event| {
            event["workflow_run"]["event"].as_str().is_none_or(|followed| OF_PULL_REQUESTS.contains(&followed))
        }),
        Some("issue_comment") => event().is_none_or(|event| !event["issue"]["pull_request"].is_null()),
        _ => false,
    };
    follows
        || is("GITHUB_EVENT_NAME", &OF_PULL_REQUESTS)
        || is("CI_PIPELINE_SOURCE", &["merge_request_event", "external_pull_request_event"])
        || is("DRONE_BUILD_EVENT", &["pull_request"])
        || is("BUILD_REASON", &["PullRequest"])
        || ["CIRCLE_PULL_REQUEST", "TRAVIS_PULL_REQUEST", "BUILDKITE_PULL_REQUEST", "BITBUCKET_PR_ID", "CHANGE_ID"]
            .into_iter()
            .any(|name| variable("CI").is_some() && names_one(name))
}

/// Who asks for it, for tombstones and history. What `--as` says is a claim and marked as one.
pub fn actor(claimed: Option<&str>) -> Box<str> {
    actor_with(claimed, variable).into()
}

fn actor_with(claimed: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> String {
    let named = |name: &str, place: &str| variable(name).map(|who| format!("{who} ({place})"));
    let claimed = claimed.map(|who| format!("{who} (claimed)"));
    let ci = || named("GITHUB_ACTOR", "github").or_else(|| named("GITLAB_USER_LOGIN", "gitlab"));
    let local = || named("USER", "local").or_else(|| named("USERNAME", "local"));
    claimed.or_else(ci).or_else(local).unwrap_or_else(|| "automation".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with<'a>(set: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| set.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn a_pull_request_is_recognized_in_every_ci_system() {
        for set in [
            [("GITHUB_EVENT_NAME", "pull_request_target"), ("CI", "true")],
            [("CI_PIPELINE_SOURCE", "merge_request_event"), ("CI", "true")],
            [("BUILDKITE_PULL_REQUEST", "12"), ("CI", "true")],
        ] {
            assert!(on_pull_request_with(with(&set), || None), "{set:?}");
        }
        for set in [
            [("GITHUB_EVENT_NAME", "push"), ("CI", "true")],
            [("BUILDKITE_PULL_REQUEST", "false"), ("CI", "true")],
            [("CHANGE_ID", "12"), ("HOME", "/root")],
        ] {
            assert!(!on_pull_request_with(with(&set), || None), "{set:?}");
        }
    }

    #[test]
    fn what_follows_a_pull_request_is_taken_for_one_and_what_follows_a_push_is_not() {
        let of = |name: &str, event: Option<Value>| {
            let set = [("GITHUB_EVENT_NAME", name), ("CI", "true")];
            on_pull_request_with(with(&set), || event)
        };
        let run = |followed: &str| Some(json!({ "workflow_run": { "event": followed } }));
        assert!(of("workflow_run", run("pull_request")) && of("workflow_run", run("pull_request_target")));
        assert!(!of("workflow_run", run("push")) && !of("workflow_run", run("workflow_dispatch")));
        assert!(of("issue_comment", Some(json!({ "issue": { "pull_request": { "url": "x" } } }))));
        assert!(!of("issue_comment", Some(json!({ "issue": { "number": 1 } }))));
        assert!(of("workflow_run", None) && of("workflow_run", Some(json!({}))), "what cannot be read may be one");
    }

    #[test]
    fn who_asks_is_claimed_or_told_by_the_environment() {
        let set = [("GITHUB_ACTOR", "octocat"), ("USER", "runner")];
        assert_eq!(actor_with(Some("alice@acme.example"), with(&set)), "alice@acme.example (claimed)");
        assert_eq!(actor_with(None, with(&set)), "octocat (github)");
        assert_eq!(actor_with(None, with(&set[1..])), "runner (local)");
        assert_eq!(actor_with(None, with(&[])), "automation");
    }
}
