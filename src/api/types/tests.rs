use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

/// The message with which a type refuses a value.
fn refusal<T: DeserializeOwned>(value: Value) -> String {
    serde_json::from_value::<T>(value).err().map(|error| error.to_string()).unwrap_or_default()
}

fn takes<T: DeserializeOwned>(value: Value) -> bool {
    serde_json::from_value::<T>(value).is_ok()
}

#[test]
fn a_number_out_of_range_is_told_the_range() {
    assert_eq!(refusal::<Int<1, 10>>(json!(11)), "invalid value: integer `11`, expected an integer between 1 and 10");
    assert_eq!(refusal::<Int<1, 10>>(json!("3")), "invalid type: string \"3\", expected an integer between 1 and 10");
    assert_eq!(refusal::<Number<100, 1000>>(json!(1.5)), "must be between 0.1 and 1, not 1.5");
    assert_eq!(Int::<1, 10>::new(0).unwrap_err().to_string(), "must be between 1 and 10, not 0");
    assert!(takes::<Int<1, 10>>(json!(1)) && takes::<Int<1, 10>>(json!(10)));
}

#[test]
fn a_number_or_a_word_takes_nothing_else() {
    assert_eq!(serde_json::from_value::<Quota>(json!("Unlimited")).unwrap(), Quota::Unlimited);
    assert_eq!(serde_json::from_value::<Quota>(json!(0)).unwrap().get(), Some(0));
    assert!(
        refusal::<Quota>(json!("unlimited")).ends_with("expected an integer between 0 and 1000000000000, or the word Unlimited")
    );
    assert!(!takes::<Retention>(json!("Unlimited")) && takes::<Retention>(json!("Forever")));
    assert!(!takes::<Expiry>(json!(0)) && takes::<Expiry>(json!("Never")));
    assert!(!takes::<Quota>(json!(-1)) && !takes::<Quota>(json!("5")) && !takes::<Quota>(json!(null)));
}

#[test]
fn length_is_counted_in_characters() {
    assert!(takes::<Text<3>>(json!("äöü")));
    assert_eq!(refusal::<Text<3>>(json!("äöüß")), "must have at most 3 characters, not 4");
    assert_eq!(refusal::<Text<3>>(json!("")), "must not be empty");
}

#[test]
fn control_characters_are_refused_and_shown_escaped() {
    for text in ["a\nb", "a\u{0}b", "a\u{7f}b", "a\u{85}b"] {
        let message = refusal::<Text<10>>(json!(text));
        assert!(message.contains("control characters") && !message.contains(text), "{message}");
    }
}

#[test]
fn names_are_dns_labels() {
    assert!(["a", "0", "a-b", "a--b"].iter().all(|name| takes::<ObjectName>(json!(name))));
    assert!(["A", "a.b", "-a", "a-", "a_b", "ä", "a b"].iter().all(|name| !takes::<ObjectName>(json!(name))));
    assert!(takes::<SecretName>(json!("a.b-c")) && !takes::<SecretName>(json!("a..b")));
}

#[test]
fn an_email_is_kept_as_written_and_compared_in_lower_case() {
    let email: Email = "Alice@Acme.example".parse().unwrap();
    assert_eq!((email.as_str(), &*email.key()), ("Alice@Acme.example", "alice@acme.example"));
    for wrong in ["alice", "@acme", "alice@", "a b@acme", "alice@acme..example", "аlice@acme.example", "a@b@c"] {
        assert!(!takes::<Email>(json!(wrong)), "{wrong}");
    }
}

#[test]
fn an_address_has_no_place_for_a_password() {
    assert!(takes::<Url>(json!("https://a.example:8443/x?y=1#z")) && takes::<Url>(json!("http://[::1]:80")));
    for wrong in ["https://user:pw@a.example", "https://", "ftp://a", "https://a b", "HTTPS://a", "https://a\n"] {
        assert!(!takes::<Url>(json!(wrong)), "{wrong}");
    }
}

#[test]
fn a_time_needs_its_offset_and_is_written_in_utc() {
    let time: Time = "2027-01-31T12:00:00.5+02:00".parse().unwrap();
    assert_eq!(json!(time), json!("2027-01-31T10:00:00.5Z"));
    for wrong in ["2027-01-31", "2027-01-31T12:00:00", "2027-01-31 12:00:00Z", "2027-02-30T12:00:00Z", "2027-01-31T12:00:60Z"] {
        assert!(refusal::<Time>(json!(wrong)).contains("such as 2027-01-31T12:00:00Z"), "{wrong}");
    }
}

#[test]
fn a_period_means_the_same_however_it_is_written() {
    let period = |text: &str| text.parse::<Period<10, 86_400>>().unwrap();
    assert_eq!(period("90m"), period("1h30m"));
    assert_eq!((period("5400s").to_string(), period("24h").seconds()), ("1h30m".to_owned(), 86_400));
    assert_eq!(refusal::<Period<10, 86_400>>(json!("9s")), "must be between 10s and 24h, not 9s");
    for wrong in ["", "10", "m", "1m1h", "1d", "1.5h", "-1h", "1h 1m"] {
        assert!(refusal::<Period<10, 86_400>>(json!(wrong)).contains("such as 30s, 10m or 1h30m"), "{wrong}");
    }
}

#[test]
fn lists_sets_and_maps_say_what_is_too_much_or_twice() {
    assert_eq!(refusal::<List<i64, 2>>(json!([1, 2, 3])), "must have at most 2 entries");
    assert_eq!(refusal::<List<i64, 2, 1>>(json!([])), "must have at least 1 entry, not 0");
    assert_eq!(refusal::<Set<i64, 3>>(json!([1, 2, 1])), "has \"1\" twice");
    assert_eq!(refusal::<Map<i64, 1>>(json!({ "a": 1, "b": 2 })), "must have at most 1 entry");
    assert!(refusal::<Map<i64, 1>>(json!({ "": 1 })).contains("keys of 1 to 63"));
}

#[test]
fn a_map_with_a_key_twice_is_refused() {
    assert!(
        serde_json::from_str::<Map<i64, 3>>("{\"a\": 1, \"a\": 2}").unwrap_err().to_string().contains("has the key \"a\" twice")
    );
}
