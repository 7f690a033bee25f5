//! Files and documents that are wrong as a whole.

use super::{Style, alice, assert_shown, document, people, read_text};

#[test]
fn a_bad_name_is_put_right() {
    assert_shown(
        &document(
            "Member",
            "Alice_Adams",
            r"
  organizationRef: {name: acme}
  email: alice@acme.example
",
        ),
        r#"
error[bad-name]: `metadata.name` must be lower-case letters, digits and '-', with a letter or digit at both ends, not "Alice_Adams"
 --> acme.yaml:4:9
  |
3 | metadata:
4 |   name: Alice_Adams
  |         ^^^^^^^^^^^
  |
  = help: write `name: alice-adams`

1 error
"#,
    );
}

#[test]
fn a_key_that_is_there_twice_names_the_line_of_the_first() {
    assert_shown(
        &alice(
            r"
  role: Admin
  displayName: Alice
  role: Member
",
        ),
        r"
error[duplicate-key]: member/alice: the key `role` is written twice
  --> acme.yaml:10:3
   |
 9 |   displayName: Alice
10 |   role: Member
   |   ^^^^
   |
   = help: the first is on line 8; take one of them away

1 error
",
    );
}

#[test]
fn a_tab_is_pointed_at() {
    assert_shown(
        &document(
            "Member",
            "alice",
            r"
  organizationRef: {name: acme}
	email: alice@acme.example
",
        ),
        r"
error[yaml-syntax]: member/alice: there is a tab where YAML wants spaces
 --> acme.yaml:7:2
  |
6 |   organizationRef: {name: acme}
7 |     email: alice@acme.example
  |     ^
  |
  = help: indent with spaces

1 error
",
    );
}

#[test]
fn an_unclosed_quote_is_found_where_it_opens() {
    assert_shown(
        &document(
            "Member",
            "alice",
            r#"
  organizationRef: {name: acme}
  email: "alice@acme.example
  role: Admin
"#,
        ),
        r#"
error[yaml-syntax]: member/alice: a quote is opened above and not closed before this line
 --> acme.yaml:8:3
  |
7 |   email: "alice@acme.example
8 |   role: Admin
  |   ^
  |
  = help: close the quote at the end of the text

1 error
"#,
    );
}

#[test]
fn a_colon_in_a_text_wants_quotes() {
    assert_shown(
        &alice(
            r"
  displayName: Alice: the admin
",
        ),
        r"
error[yaml-syntax]: member/alice: there is a second `: ` in this line
 --> acme.yaml:8:21
  |
7 |   email: alice@acme.example
8 |   displayName: Alice: the admin
  |                     ^
  |
  = help: put the text behind the first one in quotes

1 error
",
    );
}

#[test]
fn a_key_with_the_wrong_indentation_is_pointed_at() {
    assert_shown(
        &alice(
            r"
   role: Admin
",
        ),
        r"
error[yaml-syntax]: member/alice: this key is not indented like the ones above it
 --> acme.yaml:8:4
  |
7 |   email: alice@acme.example
8 |    role: Admin
  |    ^^^^
  |
  = help: indent the keys of one map alike

1 error
",
    );
}

#[test]
fn an_unclosed_bracket_is_found_where_it_opens() {
    assert_shown(
        &document(
            "Member",
            "alice",
            r"
  organizationRef: {name: acme
  email: alice@acme.example
",
        ),
        r"
error[yaml-syntax]: member/alice: there is a `,` or a closing bracket missing before this
 --> acme.yaml:7:8
  |
6 |   organizationRef: {name: acme
7 |   email: alice@acme.example
  |        ^
  |
  = help: close the bracket, or separate the entries by commas

1 error
",
    );
}

#[test]
fn an_unknown_kind_names_the_one_that_was_meant() {
    assert_shown(
        r"
apiVersion: muster.dev/v1alpha1
kind: Worksapce
metadata:
  name: design
spec: {}
",
        r"
error[unknown-kind]: unknown kind `Worksapce`
 --> acme.yaml:2:7
  |
1 | apiVersion: muster.dev/v1alpha1
2 | kind: Worksapce
  |       ^^^^^^^^^
  |
  = help: did you mean `Workspace`?

1 error
",
    );
}

#[test]
fn an_unknown_version_names_the_known_one() {
    assert_shown(
        r"
apiVersion: muster.dev/v1
kind: Member
metadata:
  name: alice
spec:
  organizationRef: {name: acme}
  email: alice@acme.example
",
        r"
error[unknown-version]: member/alice: unknown apiVersion `muster.dev/v1`
 --> acme.yaml:1:13
  |
1 | apiVersion: muster.dev/v1
  |             ^^^^^^^^^^^^^
  |
  = help: write `apiVersion: muster.dev/v1alpha1`

1 error
",
    );
}

#[test]
fn a_missing_separator_is_suspected() {
    assert_shown(
        r"
apiVersion: muster.dev/v1alpha1
kind: Member
metadata:
  name: alice
spec:
  organizationRef: {name: acme}
  email: alice@acme.example
apiVersion: muster.dev/v1alpha1
kind: Member
metadata:
  name: bob
spec:
  organizationRef: {name: acme}
  email: bob@acme.example
",
        r"
error[duplicate-key]: the key `apiVersion` is written twice in one document
 --> acme.yaml:8:1
  |
7 |   email: alice@acme.example
8 | apiVersion: muster.dev/v1alpha1
  | ^^^^^^^^^^
  |
  = help: separate two objects by a line `---`

1 error
",
    );
}

#[test]
fn a_file_that_holds_no_object_is_an_error() {
    assert_shown(
        r"
replicas: 3
image: nginx
",
        r"
error[missing-field]: the document has no `apiVersion`
 --> acme.yaml:1:1
  |
1 | replicas: 3
  | ^^^^^^^^
  |
  = help: write `apiVersion: muster.dev/v1alpha1`, or keep files that hold no objects in another folder

1 error
",
    );
}

#[test]
fn two_documents_of_one_object_name_each_other() {
    assert_shown(
        r"
apiVersion: muster.dev/v1alpha1
kind: Member
metadata:
  name: alice
spec:
  organizationRef: {name: acme}
  email: alice@acme.example
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata:
  name: alice
spec:
  organizationRef: {name: acme}
  email: alice@acme.example
  role: Admin
",
        r"
error[duplicate-object]: member/alice: the same object is also in acme.yaml:9:1
 --> acme.yaml:4:9
  |
3 | metadata:
4 |   name: alice
  |         ^^^^^
  |
  = help: take all but one away; until then neither counts

error[duplicate-object]: member/alice: the same object is also in acme.yaml:1:1
  --> acme.yaml:12:9
   |
11 | metadata:
12 |   name: alice
   |         ^^^^^
   |
   = help: take all but one away; until then neither counts

2 errors
",
    );
}

#[test]
fn a_misspelt_annotation_is_a_warning() {
    assert_shown(
        r#"
apiVersion: muster.dev/v1alpha1
kind: Member
metadata:
  name: alice
  annotations:
    muster.dev/break-glas: "INC-42"
spec:
  organizationRef: {name: acme}
  email: alice@acme.example
"#,
        r#"
warning[unknown-annotation]: member/alice: Muster does not know the annotation `muster.dev/break-glas`
 --> acme.yaml:6:5
  |
5 |   annotations:
6 |     muster.dev/break-glas: "INC-42"
  |     ^^^^^^^^^^^^^^^^^^^^^
  |
  = help: did you mean `muster.dev/break-glass`?

1 warning
"#,
    );
}

#[test]
fn a_word_that_kubectl_reads_otherwise_is_a_warning() {
    assert_shown(
        &alice(
            r"
  displayName: NO
",
        ),
        r#"
warning[yaml-1.1]: member/alice: `spec.displayName` is the string "NO" here, but kubectl reads it as false
 --> acme.yaml:8:16
  |
7 |   email: alice@acme.example
8 |   displayName: NO
  |                ^^
  |
  = help: put it in quotes: "NO"

1 warning
"#,
    );
}

#[test]
fn documents_about_other_things_are_counted_in_one_line() {
    assert_shown(
        r"
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
---
apiVersion: v1
kind: Secret
metadata: {name: a}
",
        r"
note: 2 documents are no objects of Muster and were left alone, the first at acme.yaml:1:1
",
    );
}

#[test]
fn control_characters_of_the_input_do_not_reach_the_terminal() {
    let text = alice("\n  role: \"\\e[31m\"\n  colour: \u{202e}red\n");
    let reading = read_text("acme\u{1b}.yaml", &text);
    let shown = people(&reading.input.findings, &reading.sources, Style::default());
    assert!(shown.contains(r#"not "\u{1b}[31m""#), "{shown}");
    assert!(shown.contains("acme\\u{1b}.yaml:8:9"), "{shown}");
    assert!(!shown.contains(|c: char| c == '\u{202e}' || (c.is_control() && c != '\n')), "{shown:?}");
}

#[test]
fn columns_count_characters() {
    assert_shown(
        &alice(
            r"
  displayName: {name: Žofie Růžičková}
",
        ),
        r"
error[wrong-type]: member/alice: `spec.displayName` must be a string, not a map
 --> acme.yaml:8:3
  |
7 |   email: alice@acme.example
8 |   displayName: {name: Žofie Růžičková}
  |   ^^^^^^^^^^^

1 error
",
    );
}
