//! Documents of all shapes in one text.

use super::*;

#[test]
fn a_broken_document_leaves_its_neighbours_alone() {
    let text = format!("{}---\nspec: [\n---\n{}---\n{}  colour: red\n--- # the end\n", member("a"), member("b"), member("c"));
    let reading = read_text("a.yaml", &text);
    assert_eq!((names(&reading), held(&reading), reading.input.complete), (vec!["a", "b"], vec!["c"], false));
    assert_eq!(errors(&reading), ["yaml-syntax 9:7", "unknown-field 26:3"]);
}

#[test]
fn a_broken_document_whose_kind_and_name_can_be_read_is_held() {
    let reading = read_text("a.yaml", &format!("{}  role: \"Admin\n", member("a")));
    assert_eq!((held(&reading), reading.input.complete), (vec!["a"], true));
    assert_eq!(&*reading.input.held[0].because, "a quote is opened above and not closed before this line");
}

#[test]
fn a_broken_document_in_which_a_second_object_may_hide_makes_the_input_incomplete() {
    for separator in ["--\n", "- - -\n", "-- -\n", "", " ---\n", "___\n"] {
        let reading = read_text("a.yaml", &format!("{}{separator}{}", member("a"), member("b")));
        assert!(!reading.input.complete, "{separator:?}");
        assert_eq!((names(&reading), held(&reading)), (vec![], vec![]), "{separator:?}");
    }
}

#[test]
fn an_object_without_a_usable_name_makes_the_input_incomplete() {
    for name in ["Alice", "12", "~", "a_b", "'a b'", "[a]", "\"\""] {
        let reading = read_text("a.yaml", &member("a").replace("name: a\n", &format!("name: {name}\n")));
        assert_eq!((names(&reading), held(&reading), reading.input.complete), (vec![], vec![], false), "{name}");
    }
}

#[test]
fn what_kubectl_prints_can_be_read() {
    let printed = "apiVersion: v1
items:
- apiVersion: muster.dev/v1alpha1
  kind: Member
  metadata:
    annotations:
      kubectl.kubernetes.io/last-applied-configuration: |
        {\"apiVersion\":\"muster.dev/v1alpha1\",\"kind\":\"Member\",\"metadata\":{\"name\":\"a\"}}
      muster.dev/paused: \"true\"
    creationTimestamp: null
    generation: 2
    labels:
    managedFields:
    - {manager: x, manager: y}
    name: a
    namespace: acme
    resourceVersion: \"12\"
    uid: 8f7b5a0e-0000-4000-8000-000000000000
  spec:
    email: a@acme.example
    organizationRef:
      name: acme
    workspaces:
    - name: design
  status:
    conditions: [{type: Ready, status: \"True\", status: \"False\"}]
# between two
- apiVersion: muster.dev/v1alpha1
  kind: Member
  metadata:
    name: b
  spec:
    email: b@acme.example
    organizationRef:
      name: acme
    rolle: x
kind: List
metadata:
  resourceVersion: \"\"
";
    let reading = read_text("-", printed);
    assert_eq!((names(&reading), held(&reading), reading.input.complete), (vec!["a"], vec!["b"], true));
    let a = &reading.input.manifests[0];
    assert_eq!((a.namespace.as_str(), a.origin.line, a.origin.column), ("acme", 3, 3));
    assert_eq!(a.annotations.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>(), ["paused=true"]);
    assert_eq!(errors(&reading), ["unknown-field 36:5"]);
}

#[test]
fn lists_are_read_however_they_are_written() {
    let item = |name: &str| {
        format!(
            "{{apiVersion: muster.dev/v1alpha1, kind: Member, metadata: {{name: {name}}}, spec: {{organizationRef: {{name: acme}}, email: a@b}}}}"
        )
    };
    let json = |name: &str| {
        format!(
            r#"{{"apiVersion": "muster.dev/v1alpha1", "kind": "Member", "metadata": {{"name": "{name}"}}, "spec": {{"organizationRef": {{"name": "acme"}}, "email": "a@b"}}}}"#
        )
    };
    let indented = |name: &str| format!("  - {}", member(name).replace('\n', "\n    ").trim_end().to_owned() + "\n");
    for text in [
        format!("apiVersion: v1\nkind: List\nitems: [{}, {}]\n", item("a"), item("b")),
        format!("apiVersion: v1\nkind: List\nitems:\n-\n  {}\n- {}\n", member("a").trim_end().replace('\n', "\n  "), item("b")),
        format!("kind: List\napiVersion: v1\nitems:\n{}{}", indented("a"), indented("b")),
        format!(r#"{{"apiVersion": "v1", "kind": "List", "items": [{}, {}]}}"#, json("a"), json("b")),
        format!("{}\n{}", json("a"), json("b")),
        format!("{}\n---\n{}\n", json("a"), json("b")),
        format!(r#"{{"apiVersion": "v1", "items": [{}], "kind": "List"}}{}"#, json("a"), json("b")),
    ] {
        let reading = read_text("a", &text);
        assert_eq!((names(&reading), reading.input.complete), (vec!["a", "b"], true), "{text}\n{:?}", reading.input.findings);
    }
    assert!(read_text("a", "apiVersion: v1\nkind: List\nitems: []\n").input.complete);
}

#[test]
fn a_list_in_which_something_is_out_of_place_is_not_read_in_part() {
    for text in [
        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: X}\nmore:\n- {apiVersion: v1, kind: X}\n",
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: [\n]\n- apiVersion: v1\n",
        "apiVersion: v1\nkind: List\n",
        "apiVersion: v1\nkind: List\nitems: x\n",
        "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": {}}",
    ] {
        let reading = read_text("a", text);
        let lost =
            reading.input.complete && reading.input.findings.iter().filter(|finding| finding.code == "foreign").count() < 2;
        assert!(!lost, "{text}\n{:?}", reading.input);
    }
}

#[test]
fn byte_order_marks_and_windows_line_ends_are_read() {
    let text = format!("\u{feff}{}---\n{}", member("a"), member("b")).replace('\n', "\r\n");
    let reading = read_text("a.yaml", &text);
    assert_eq!((names(&reading), reading.input.complete), (vec!["a", "b"], true));
    let broken = read_text("a.yaml", &format!("{text}  rolle: x\r\n"));
    assert_eq!(errors(&broken), ["unknown-field 16:3"]);
}

#[test]
fn anchors_aliases_and_merge_keys_are_read_within_a_document() {
    let text = format!(
        "{}  workspaces:\n  - &design\n    name: design\n    role: Admin\n  - <<: *design\n    name: production\n  - {{<<: [*design], role: Member, name: lab}}\n  displayName: &x Alice\n  username: *x\n",
        member("a")
    );
    let reading = read_text("a.yaml", &text);
    assert_eq!(errors(&reading), [] as [&str; 0]);
    let crate::api::Spec::Member(spec) = &*reading.input.manifests[0].spec else { panic!("no member") };
    let workspaces: Vec<_> =
        spec.workspaces.as_ref().unwrap().iter().map(|it| (it.name.as_str(), it.role.as_ref().unwrap().as_str())).collect();
    assert_eq!(workspaces, [("design", "Admin"), ("production", "Admin"), ("lab", "Member")]);
    assert_eq!(spec.username.as_ref().unwrap().as_str(), "Alice");
    let reading = read_text("a.yaml", &format!("{text}---\n{}  username: *x\n", member("b")));
    assert_eq!((names(&reading), held(&reading)), (vec!["a"], vec!["b"]));
}

#[test]
fn text_that_is_no_utf_8_is_unreadable_and_its_neighbours_are_read() {
    let mut bytes = format!("{}---\n", member("a")).into_bytes();
    bytes.extend(b"apiVersion: muster.dev/v1alpha1\nkind: \xFFMember\n---\n");
    bytes.extend(member("b").bytes());
    let directory = directory(&[]);
    fs::write(directory.path().join("a.yaml"), bytes).unwrap();
    fs::write(directory.path().join("b.yaml"), b"\xFF\xFEa\0").unwrap();
    let reading = read_paths(&[directory.path().to_owned()], false);
    assert_eq!((names(&reading), reading.input.complete), (vec!["a", "b"], false));
    assert_eq!(errors(&reading), ["not-utf-8 1:1", "not-utf-8 10:7"]);
}

#[test]
fn all_documents_of_one_object_are_held() {
    let text = format!(
        "{0}---\n{0}  colour: red\n---\n{0}---\n{1}",
        member("a"),
        member("a").replace("metadata:", "metadata:\n  namespace: other")
    );
    let reading = read_text("a.yaml", &text);
    assert_eq!((names(&reading), held(&reading)), (vec!["a"], vec!["a", "a", "a"]));
    let messages: Vec<&str> = reading.input.findings.iter().map(|finding| &*finding.message).collect();
    assert_eq!(
        messages,
        [
            "unknown field `spec.colour`",
            "the same object is also in a.yaml:9:1 and 1 more",
            "the same object is also in a.yaml:1:1 and 1 more",
            "the same object is also in a.yaml:1:1 and 1 more"
        ]
    );
}

#[test]
fn the_shapes_that_hold_nothing_are_complete_and_the_others_are_not() {
    for text in ["", "\n\n", "# only\n", "---\n---\n", "--- # x\n...\n", "%YAML 1.2\n---\n", "null\n", "~", "\t", "\u{feff}"] {
        assert!(read_text("a", text).input.complete, "{text:?}");
    }
    for text in ["a", "[]", "{}", "- a\n", "\0", "a: b: c\n", "\u{feff}\u{feff}a", "--- a\n", "{\"a\": ", "!x y", "%", "&a"] {
        let reading = read_text("a", text);
        assert!(!reading.input.complete && !reading.input.findings.is_empty(), "{text:?}");
    }
}
