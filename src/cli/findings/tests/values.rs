//! Values that are wrong.

use super::{alice, assert_shown, document};

#[test]
fn a_misspelt_field_names_the_one_that_was_meant() {
    assert_shown(
        &document(
            "Member",
            "alice",
            r"
  organisationRef: {name: acme}
  email: alice@acme.example
",
        ),
        r"
error[unknown-field]: member/alice: unknown field `spec.organisationRef`
 --> acme.yaml:6:3
  |
5 | spec:
6 |   organisationRef: {name: acme}
  |   ^^^^^^^^^^^^^^^
  |
  = help: did you mean `organizationRef`?

1 error
",
    );
}

#[test]
fn a_field_at_the_wrong_level_is_sent_where_it_belongs() {
    assert_shown(
        &alice(
            r"
displayName: Alice
",
        ),
        r"
error[unknown-field]: member/alice: unknown field `displayName`
 --> acme.yaml:8:1
  |
7 |   email: alice@acme.example
8 | displayName: Alice
  | ^^^^^^^^^^^
  |
  = help: indent it: `displayName` belongs under `spec`

1 error
",
    );
}

#[test]
fn a_field_of_a_member_inside_a_membership_is_recognised() {
    assert_shown(
        &alice(
            r"
  workspaces:
  - name: design
    email: alice@acme.example
",
        ),
        r"
error[unknown-field]: member/alice: unknown field `spec.workspaces[0].email`
  --> acme.yaml:10:5
   |
 9 |   - name: design
10 |     email: alice@acme.example
   |     ^^^^^
   |
   = help: `email` is a field of `spec`; the fields here are name, role, roles, expiresAt

1 error
",
    );
}

#[test]
fn every_missing_field_is_named_with_an_example() {
    assert_shown(
        &document(
            "Member",
            "alice",
            r"
  displayName: Alice
",
        ),
        r"
error[missing-field]: member/alice: `spec.email` is missing
 --> acme.yaml:5:1
  |
4 |   name: alice
5 | spec:
  | ^^^^
  |
  = help: for example `email: alice@acme.example`

error[missing-field]: member/alice: `spec.organizationRef` is missing
 --> acme.yaml:5:1
  |
4 |   name: alice
5 | spec:
  | ^^^^
  |
  = help: for example `organizationRef: {name: acme}`

2 errors
",
    );
}

#[test]
fn a_reference_written_as_a_name_is_shown_as_a_map() {
    assert_shown(
        &document(
            "Member",
            "alice",
            r"
  organizationRef: acme
  email: alice@acme.example
",
        ),
        r#"
error[wrong-type]: member/alice: `spec.organizationRef` must be a map of fields, not the string "acme"
 --> acme.yaml:6:20
  |
5 | spec:
6 |   organizationRef: acme
  |                    ^^^^
  |
  = help: write `{name: acme}`

1 error
"#,
    );
}

#[test]
fn a_number_where_a_string_belongs_wants_quotes() {
    assert_shown(
        &alice(
            r"
  username: 4711
",
        ),
        r"
error[wrong-type]: member/alice: `spec.username` must be a string, not the number 4711
 --> acme.yaml:8:13
  |
7 |   email: alice@acme.example
8 |   username: 4711
  |             ^^^^
  |
  = help: put it in quotes to make it a string

1 error
",
    );
}

#[test]
fn a_yes_where_a_boolean_belongs_becomes_true() {
    assert_shown(
        &alice(
            r"
  disabled: yes
",
        ),
        r#"
error[wrong-type]: member/alice: `spec.disabled` must be true or false, not the string "yes"
 --> acme.yaml:8:13
  |
7 |   email: alice@acme.example
8 |   disabled: yes
  |             ^^^
  |
  = help: write true

1 error
"#,
    );
}

#[test]
fn an_unknown_word_lists_the_known_ones() {
    assert_shown(
        &document(
            "Workspace",
            "production",
            r"
  organizationRef: {name: acme}
  type: Prod
",
        ),
        r#"
error[unknown-value]: workspace/production: `spec.type` must be one of Development, Production, Staging, QA, not "Prod"
 --> acme.yaml:7:9
  |
6 |   organizationRef: {name: acme}
7 |   type: Prod
  |         ^^^^
  |
  = help: did you mean `Production`?

1 error
"#,
    );
}

#[test]
fn a_number_out_of_range_names_the_range() {
    assert_shown(
        &alice(
            r"
  invitation: -1
",
        ),
        r"
error[invalid-value]: member/alice: `spec.invitation` must be an integer between 0 and 1000000, not -1
 --> acme.yaml:8:15
  |
7 |   email: alice@acme.example
8 |   invitation: -1
  |               ^^

1 error
",
    );
}

#[test]
fn a_bad_address_shows_a_good_one() {
    assert_shown(
        &document(
            "Member",
            "alice",
            r"
  organizationRef: {name: acme}
  email: Alice Adams <alice@acme.example>
",
        ),
        r#"
error[invalid-value]: member/alice: `spec.email` must be an e-mail address such as alice@acme.example, with ASCII characters only, not "Alice Adams <alice@acme.example>"
 --> acme.yaml:7:10
  |
6 |   organizationRef: {name: acme}
7 |   email: Alice Adams <alice@acme.example>
  |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

1 error
"#,
    );
}

#[test]
fn an_entry_that_is_there_twice_is_pointed_at() {
    assert_shown(
        &alice(
            r"
  workspaces:
  - name: design
  - name: production
  - name: design
",
        ),
        r#"
error[duplicate-entry]: member/alice: `spec.workspaces` has two entries with the name "design"
  --> acme.yaml:11:5
   |
10 |   - name: production
11 |   - name: design
   |     ^^^^

1 error
"#,
    );
}

#[test]
fn an_empty_field_is_neither_nothing_nor_everything() {
    assert_shown(
        &alice(
            r"
  workspaces:
",
        ),
        r"
error[empty-value]: member/alice: `spec.workspaces` has no value
 --> acme.yaml:8:3
  |
7 |   email: alice@acme.example
8 |   workspaces:
  |   ^^^^^^^^^^
  |
  = help: give it a value or take the line away; an empty list is `[]`, an empty map `{}`

1 error
",
    );
}

#[test]
fn two_fields_that_exclude_each_other_are_found() {
    assert_shown(
        &alice(
            r"
  role: Admin
  roles: [Editor]
",
        ),
        r"
error[inconsistent-fields]: member/alice: `spec.roles` cannot stand beside role: write one of the two
 --> acme.yaml:9:3
  |
8 |   role: Admin
9 |   roles: [Editor]
  |   ^^^^^

1 error
",
    );
}

#[test]
fn all_problems_of_all_documents_are_found_at_once() {
    assert_shown(
        r"
apiVersion: muster.dev/v1alpha1
kind: Member
metadata:
  name: alice
spec:
  organizationRef: {name: Acme}
  emial: alice
  workspaces:
  - nam: design
    expiresAt: tomorrow
  - name: production
    roles: [Admin, Admin]
    role: Admin
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata:
  name: lab
spec:
  organizationRef: {name: acme}
  scope: Project
  quotas: {rooms: many}
  dataResidency: Mars
",
        r#"
error[invalid-value]: member/alice: `spec.organizationRef.name` must be lower-case letters, digits and '-', with a letter or digit at both ends, not "Acme"
 --> acme.yaml:6:27
  |
5 | spec:
6 |   organizationRef: {name: Acme}
  |                           ^^^^

error[unknown-field]: member/alice: unknown field `spec.emial`
 --> acme.yaml:7:3
  |
6 |   organizationRef: {name: Acme}
7 |   emial: alice
  |   ^^^^^
  |
  = help: did you mean `email`?

error[unknown-field]: member/alice: unknown field `spec.workspaces[0].nam`
 --> acme.yaml:9:5
  |
8 |   workspaces:
9 |   - nam: design
  |     ^^^
  |
  = help: did you mean `name`?

error[invalid-value]: member/alice: `spec.workspaces[0].expiresAt` must be a time with an offset such as 2027-01-31T12:00:00Z, not "tomorrow"
  --> acme.yaml:10:16
   |
 9 |   - nam: design
10 |     expiresAt: tomorrow
   |                ^^^^^^^^

error[duplicate-entry]: member/alice: `spec.workspaces[1].roles` has "Admin" twice
  --> acme.yaml:12:20
   |
11 |   - name: production
12 |     roles: [Admin, Admin]
   |                    ^^^^^

error[inconsistent-fields]: workspace/lab: `spec.projectRef` is required with scope Project: name the project whose people reach the workspace
  --> acme.yaml:19:1
   |
18 |   name: lab
19 | spec:
   | ^^^^

error[unknown-field]: workspace/lab: unknown field `spec.quotas.rooms`
  --> acme.yaml:22:12
   |
21 |   scope: Project
22 |   quotas: {rooms: many}
   |            ^^^^^
   |
   = help: the fields here are apiDaily, content

error[unknown-value]: workspace/lab: `spec.dataResidency` must be one of USA, Europe, India, not "Mars"
  --> acme.yaml:23:18
   |
22 |   quotas: {rooms: many}
23 |   dataResidency: Mars
   |                  ^^^^

8 errors
"#,
    );
}
