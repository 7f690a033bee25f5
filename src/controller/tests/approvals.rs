use crate::api::Kind;
use crate::controller::conditions::{Reason, Said, Type};
use crate::controller::overview::{add_of_service, pending_at_service};
use crate::controller::services::AtService;
use crate::controller::verdict::Verdict;
use crate::plan::mirror::{ServiceApproval, Waiting};
use crate::tenancy::{Digest, Key};

/// A service at which these Credentials wait to be removed.
fn waiting(names: &[&str], all: Option<Digest>) -> AtService {
    let wait = |name: &&str| Waiting {
        key: Key::new(Kind::Credential, *name),
        because: "every token dies".into(),
        digest: Digest::of(name.as_bytes()),
        refused: false,
    };
    let approval = ServiceApproval { calls: names.iter().map(wait).collect(), all };
    AtService { approval: Some(("FastPix".into(), approval)), ..AtService::default() }
}

fn condition(service: &AtService, said: Vec<Said>) -> String {
    let mut verdict = Verdict { said, ..Verdict::default() };
    add_of_service(&mut verdict, service, &[]);
    let mut conditions = verdict.said.into_iter().filter(|said| said.type_ == Type::ApprovalRequired);
    let condition = conditions.next().unwrap();
    assert!(conditions.next().is_none());
    condition.message
}

#[test]
fn each_call_that_waits_at_a_service_is_told_with_what_approves_it_alone() {
    let (a, b, all) = (Digest::of(b"a"), Digest::of(b"b"), Digest::of(b"all"));
    let service = waiting(&["a", "b"], Some(all));
    let list = format!("{all} for all of them; {a} for credential/a: every token dies; {b} for credential/b: every token dies");
    let told = format!(
        "what waits at FastPix is released by annotating the Organization with muster.dev/approved-plan, several separated by commas: \
         {list}"
    );
    assert_eq!(condition(&service, Vec::new()), told);
    let removals = Said::yes(Type::ApprovalRequired, Reason::DestructivePlan, "12 removals wait");
    assert_eq!(condition(&service, vec![removals]), format!("12 removals wait; {told}"), "neither hides the other");
    let pending = pending_at_service(&service).unwrap();
    assert_eq!((pending.digest.as_str(), pending.summary.as_str()), (&*all.to_string(), &*format!("at FastPix: {list}")));
}

#[test]
fn one_call_that_waits_has_one_digest_and_of_many_the_first_are_told() {
    let one = pending_at_service(&waiting(&["a"], None)).unwrap();
    assert_eq!(one.digest.as_str(), Digest::of(b"a").to_string());
    let many = condition(&waiting(&["a", "b", "c", "d", "e"], Some(Digest::of(b"all"))), Vec::new());
    assert!(many.contains("credential/c") && !many.contains("credential/d") && many.ends_with("; and 2 more"), "{many}");
}
