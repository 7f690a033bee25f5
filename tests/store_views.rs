//! What other services read with plain SQL, and the one thing they write. `docs/store.md` makes the promises that are kept here.

#[path = "support/postgres.rs"]
mod postgres;
#[path = "support/subject.rs"]
mod subject;

use muster::api::Kind;
use muster::store::{Mode, Observe as _, Store as _, StoreError};
use muster::tenancy::{Revision, Row, Tombstone};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, SqliteConnection};
use subject::{ACME, Subject, at, batch, by_hand, id, on_both, on_postgres, put, row};

const VIEWS: [&str; 5] = ["workspaces", "members", "memberships", "templates", "roles"];

/// Selects text, row by row; NULL is `-`, a line is `a | b | c`.
async fn select(subject: &Subject, sql: &str) -> Vec<String> {
    let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    let shown = |cells: Vec<Option<String>>| {
        let cells: Vec<String> = cells.into_iter().map(|cell| cell.unwrap_or_else(|| "-".to_owned())).collect();
        cells.join(" | ")
    };
    if subject.url().starts_with("sqlite") {
        let mut reader = SqliteConnection::connect(&subject.url()).await.unwrap();
        let rows = query.fetch_all(&mut reader).await.unwrap();
        rows.iter().map(|row| shown((0..row.len()).map(|at| row.try_get_unchecked(at).unwrap()).collect())).collect()
    } else {
        let mut reader = PgConnection::connect(&subject.url()).await.unwrap();
        let rows = query.fetch_all(&mut reader).await.unwrap();
        rows.iter().map(|row| shown((0..row.len()).map(|at| row.try_get_unchecked(at).unwrap()).collect())).collect()
    }
}

fn dead(row: Row) -> Row {
    Row { tombstone: Some(Tombstone { id: id("tombstone"), at: at(1), by: "ci".into(), purge_at: None }), ..row }
}

fn member(name: &str) -> Row {
    let spec = serde_json::json!({ "email": format!("{name}@acme.example"), "role": "Member", "defaultWorkspace": "design" });
    Row { accepted_at: Some(at(1)), ..row(Kind::Member, name, &spec.to_string()) }
}

fn membership(name: &str, spec: &str) -> Row {
    row(Kind::Membership, name, spec)
}

#[test]
fn workspaces_show_what_a_service_needs_to_know() {
    on_both(|subject| async move {
        let full = r#"{"displayName":"Acme Production","projectRef":{"name":"core"},"type":"Production","scope":"Private","owner":"alice",
            "dataResidency":"Europe","hipaa":true,"default":true,"deletionProtection":true,
            "quotas":{"apiDaily":100,"content":"Unlimited"},"language":"FRENCH"}"#;
        let rows = [row(Kind::Workspace, "production", full), row(Kind::Workspace, "bare", "{}")];
        subject.commit(Revision::default(), rows.iter().map(put)).await;
        let seen = select(
            &subject,
            "SELECT name, display_name, project, type, scope, owner, residency, CASE WHEN hipaa THEN 'yes' ELSE 'no' END,
                    CASE WHEN is_default THEN 'yes' ELSE 'no' END, CASE WHEN deletion_protection THEN 'yes' ELSE 'no' END,
                    CAST(quota_api_daily AS TEXT), CAST(quota_content AS TEXT), language, api_key_prefix
             FROM workspaces ORDER BY name",
        );
        assert_eq!(
            seen.await,
            [
                "bare | bare | - | - | - | - | - | no | no | no | - | - | - | -",
                "production | Acme Production | core | Production | Private | alice | Europe | yes | yes | yes | 100 | - | FRENCH | -",
            ]
        );
    });
}

#[test]
fn members_show_their_state() {
    on_both(|subject| async move {
        let rows = [
            member("alice"),
            Row { accepted_at: None, invited_at: Some(at(1)), ..member("bob") },
            Row { accepted_at: None, declined_at: Some(at(1)), ..member("carol") },
            Row {
                accepted_at: Some(at(1)),
                ..row(Kind::Member, "dave", r#"{"email":"d@acme.example","username":"d","disabled":true}"#)
            },
        ];
        subject.commit(Revision::default(), rows.iter().map(put)).await;
        let seen = select(
            &subject,
            "SELECT name, email, username, role, state, CASE WHEN disabled THEN 'yes' ELSE 'no' END, default_workspace,
                    CASE WHEN invited_at IS NULL THEN 'no' ELSE 'yes' END
             FROM members ORDER BY name",
        );
        assert_eq!(
            seen.await,
            [
                "alice | alice@acme.example | alice@acme.example | Member | Active | no | design | no",
                "bob | bob@acme.example | bob@acme.example | Member | Invited | no | design | yes",
                "carol | carol@acme.example | carol@acme.example | Member | Declined | no | design | no",
                "dave | d@acme.example | d | - | Disabled | yes | - | no",
            ]
        );
    });
}

#[test]
fn access_ends_by_itself_when_its_time_has_come() {
    on_both(|subject| async move {
        let rows = [
            member("alice"),
            Row { accepted_at: None, ..member("bob") },
            membership("alice/workspace/design", r#"{"role":"Admin"}"#),
            membership("alice/workspace/later", r#"{"role":"Admin","expiresAt":"2999-01-01T00:00:00Z"}"#),
            membership("alice/workspace/past", r#"{"role":"Admin","expiresAt":"2020-01-01T00:00:00Z"}"#),
            membership("alice/workspace/unreadable", r#"{"role":"Admin","expiresAt":"2999-13-01"}"#),
            Row { ended_at: Some(at(1)), ..membership("alice/workspace/recorded", r#"{"expiresAt":"2999-01-01T00:00:00Z"}"#) },
            membership("alice/project/core", r#"{"roles":["Editor","Viewer"]}"#),
            membership("bob/workspace/design", r#"{"role":"Member"}"#),
        ];
        subject.commit(Revision::default(), rows.iter().map(put)).await;
        let seen = select(
            &subject,
            "SELECT member, email, level, place, role, CAST(roles AS TEXT), state, CASE WHEN default_workspace THEN 'yes' ELSE 'no' END,
                    CASE WHEN expires_at IS NULL THEN 'no' ELSE 'yes' END
             FROM memberships ORDER BY member, level, place",
        );
        let seen: Vec<String> = seen.await.into_iter().map(|line| line.replace(r#"", ""#, r#"",""#)).collect();
        assert_eq!(
            seen,
            [
                r#"alice | alice@acme.example | project | core | - | ["Editor","Viewer"] | Active | no | no"#,
                "alice | alice@acme.example | workspace | design | Admin | - | Active | yes | no",
                "alice | alice@acme.example | workspace | later | Admin | - | Active | no | yes",
                "alice | alice@acme.example | workspace | past | Admin | - | Expired | no | yes",
                "alice | alice@acme.example | workspace | recorded | - | - | Expired | no | yes",
                "alice | alice@acme.example | workspace | unreadable | Admin | - | Expired | no | yes",
                "bob | bob@acme.example | workspace | design | Member | - | Invited | yes | no",
            ]
        );
    });
}

#[test]
fn templates_and_roles_name_what_they_belong_to() {
    on_both(|subject| async move {
        let rows = [
            row(Kind::Template, "standup", r#"{"workspaceRef":{"name":"design"},"name":"Daily Standup","default":true}"#),
            row(Kind::Role, "host", r#"{"templateRef":{"name":"standup"},"priority":1}"#),
            row(Kind::Role, "odd", r#"{"templateRef":{"name":"standup"},"name":"Odd","priority":"first"}"#),
        ];
        subject.commit(Revision::default(), rows.iter().map(put)).await;
        let templates = "SELECT name, workspace, display_name, CASE WHEN is_default THEN 'yes' ELSE 'no' END FROM templates";
        assert_eq!(select(&subject, templates).await, ["standup | design | Daily Standup | yes"]);
        let roles = "SELECT name, template, display_name, CAST(priority AS TEXT) FROM roles ORDER BY name";
        assert_eq!(select(&subject, roles).await, ["host | standup | host | 1", "odd | standup | Odd | -"]);
    });
}

#[test]
fn deleted_rows_are_in_no_view() {
    on_both(|subject| async move {
        let rows = [
            dead(row(Kind::Workspace, "design", "{}")),
            dead(row(Kind::Template, "standup", "{}")),
            dead(row(Kind::Role, "host", "{}")),
            member("alice"),
            dead(membership("alice/workspace/design", "{}")),
            dead(member("bob")),
            membership("bob/workspace/design", "{}"),
        ];
        subject.commit(Revision::default(), rows.iter().map(put)).await;
        for (view, expected) in [("workspaces", "0"), ("members", "1"), ("memberships", "0"), ("templates", "0"), ("roles", "0")]
        {
            assert_eq!(select(&subject, &format!("SELECT CAST(count(*) AS TEXT) FROM {view}")).await, [expected], "{view}");
        }
    });
}

#[test]
fn the_answer_to_an_invitation_is_a_write_by_hand() {
    on_both(|subject| async move {
        let invited = Row { accepted_at: None, invited_at: Some(at(1)), ..member("alice") };
        let base = subject.commit(Revision::default(), [put(&invited), put(&member("bob"))]).await;
        let state = "SELECT state FROM members WHERE email = 'alice@acme.example'";

        subject.sql("UPDATE members SET accepted_at = CURRENT_TIMESTAMP WHERE email = 'alice@acme.example'").await;
        assert_eq!(select(&subject, state).await, ["Active"]);
        let accepted = subject.observe().await;
        assert!(accepted.revision.number > base.number && accepted.revision.stamp != base.stamp);
        let alice = accepted.row(&invited.key).unwrap();
        assert!(alice.accepted_at.is_some());
        assert_eq!(alice.digest, invited.digest, "the spec is as it was applied");
        let planned_before = subject.store.commit(&batch(base, [], [])).await;
        assert!(matches!(planned_before, Err(StoreError::Stale { .. })), "{planned_before:?}");

        subject.sql("UPDATE members SET declined_at = '2026-01-01T10:00:00Z' WHERE name = 'alice'").await;
        assert_eq!(select(&subject, state).await, ["Declined"]);
        let declined = subject.observe().await;
        let alice = declined.row(&invited.key).unwrap();
        assert_eq!((alice.accepted_at, alice.declined_at), (None, "2026-01-01T10:00:00Z".parse().ok()));
        assert_eq!(declined.row(&member("bob").key), Some(&member("bob")));
    });
}

#[test]
fn nothing_else_is_written_through_a_view() {
    on_both(|subject| async move {
        subject.commit(Revision::default(), [put(&member("alice")), put(&row(Kind::Workspace, "design", "{}"))]).await;
        let before = subject.observe().await;
        for statement in [
            "UPDATE members SET role = 'Admin'",
            "UPDATE members SET role = 'Admin', accepted_at = CURRENT_TIMESTAMP",
            "UPDATE members SET disabled = TRUE, declined_at = CURRENT_TIMESTAMP",
            "UPDATE members SET accepted_at = 'soon'",
            "DELETE FROM members",
            "INSERT INTO members (organization, name) VALUES ('acme', 'bob')",
            "UPDATE memberships SET role = 'Admin'",
        ] {
            assert!(by_hand(&subject.url(), statement).await.is_err(), "{statement}");
        }
        assert_eq!(subject.observe().await, before);
    });
}

#[test]
fn nonsense_in_one_spec_does_not_break_a_view_for_the_others() {
    on_both(|subject| async move {
        let nonsense =
            r#"{"quotas":{"apiDaily":1e300,"content":{}},"hipaa":"maybe","default":7,"displayName":["x"],"projectRef":"core"}"#;
        subject
            .commit(Revision::default(), [put(&row(Kind::Workspace, "odd", nonsense)), put(&row(Kind::Workspace, "plain", "{}"))])
            .await;
        let seen = "SELECT name, CASE WHEN hipaa THEN 'yes' ELSE 'no' END, CASE WHEN is_default THEN 'yes' ELSE 'no' END,
                           project, CAST(quota_content AS TEXT)
                    FROM workspaces WHERE quota_api_daily IS NULL OR quota_api_daily > 0 ORDER BY name";
        assert_eq!(select(&subject, seen).await, ["odd | no | no | - | -", "plain | no | no | - | -"]);
    });
}

#[test]
fn one_person_and_one_workspace_are_found_through_an_index() {
    on_both(|subject| async move {
        let people = (0..1500).map(|n| member(&format!("member-{n}")));
        let places = (0..1500).map(|n| membership(&format!("member-{n}/workspace/workspace-{}", n % 50), r#"{"role":"Member"}"#));
        let workspaces = (0..50).map(|n| row(Kind::Workspace, &format!("workspace-{n}"), "{}"));
        let templates = (0..500).map(|n| {
            row(Kind::Template, &format!("template-{n}"), &format!(r#"{{"workspaceRef":{{"name":"workspace-{}"}}}}"#, n % 50))
        });
        let roles = (0..1000)
            .map(|n| row(Kind::Role, &format!("role-{n}"), &format!(r#"{{"templateRef":{{"name":"template-{}"}}}}"#, n % 500)));
        let rows: Vec<Row> = people.chain(places).chain(workspaces).chain(templates).chain(roles).collect();
        subject.commit(Revision::default(), rows.iter().map(put)).await;
        subject.sql("ANALYZE").await;
        let explain = if subject.url().starts_with("sqlite") { "EXPLAIN QUERY PLAN" } else { "EXPLAIN" };
        for (query, found) in [
            ("members WHERE email = 'member-7@acme.example'", 1),
            ("members WHERE organization = 'acme' AND name = 'member-7'", 1),
            ("memberships WHERE email = 'member-7@acme.example'", 1),
            ("memberships WHERE organization = 'acme' AND email = 'member-7@acme.example'", 1),
            ("memberships WHERE organization = 'acme' AND member = 'member-7'", 1),
            ("memberships WHERE organization = 'acme' AND level = 'workspace' AND place = 'workspace-7'", 30),
            ("workspaces WHERE organization = 'acme' AND name = 'workspace-7'", 1),
            ("templates WHERE organization = 'acme' AND workspace = 'workspace-7'", 10),
            ("roles WHERE organization = 'acme' AND template = 'template-7'", 2),
        ] {
            let plan = select(&subject, &format!("{explain} SELECT * FROM {query}")).await.join("\n");
            assert!(plan.contains("Index") || plan.contains("USING INDEX"), "{query}:\n{plan}");
            assert!(!plan.contains("Seq Scan") && !plan.contains("SCAN"), "{query}:\n{plan}");
            let count = select(&subject, &format!("SELECT CAST(count(*) AS TEXT) FROM {query}")).await;
            assert_eq!(count, [found.to_string()], "{query}");
        }
    });
}

#[test]
fn a_reader_needs_no_more_than_select_and_an_answer_no_more_than_its_column() {
    on_postgres(|subject| async move {
        let invited = Row { accepted_at: None, ..member("alice") };
        subject.commit(Revision::default(), [put(&invited)]).await;
        let (reader, service) = (role(&subject, "reader"), role(&subject, "service"));
        subject
                .sql(&format!(
                    "CREATE ROLE {reader} LOGIN; GRANT SELECT ON objects, revisions, history, history_values, muster_migrations TO {reader};
                     CREATE ROLE {service} LOGIN; GRANT SELECT, UPDATE (accepted_at, declined_at) ON members TO {service}"
                ))
                .await;

        let url = subject.url().replace("postgres@", &format!("{reader}@"));
        let store = muster::store::AnyStore::open(&url, Mode::Read).await.unwrap();
        assert_eq!(store.observe(&ACME.into()).await.unwrap().rows.len(), 1);
        assert_eq!(store.organizations().await.unwrap().len(), 1);
        assert_eq!(store.history(&ACME.into(), 0, 10).await.unwrap(), []);
        let refused = store.commit(&batch(subject.observe().await.revision, [], [])).await.unwrap_err();
        assert!(refused.to_string().contains("the database user lacks a right"), "{refused}");

        let url = subject.url().replace("postgres@", &format!("{service}@"));
        by_hand(&url, "UPDATE members SET accepted_at = now() WHERE email = 'alice@acme.example'").await.unwrap();
        assert!(by_hand(&url, "UPDATE members SET role = 'Admin'").await.is_err());
        assert!(by_hand(&url, "SELECT * FROM objects").await.is_err());
        assert!(subject.observe().await.rows[0].accepted_at.is_some());
    });
}

/// A name for a role, of which a server has one for all databases.
fn role(subject: &Subject, what: &str) -> String {
    let url = subject.url();
    let database = url.split(['/', '?']).find(|part| part.starts_with("test_")).unwrap();
    format!("{what}_{database}")
}

#[test]
fn the_document_names_every_column_of_every_view_and_table() {
    on_both(|subject| async move {
        let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/store.md")).unwrap();
        for relation in VIEWS.into_iter().chain(["objects", "revisions", "history", "history_values"]) {
            let columns = if subject.url().starts_with("sqlite") {
                format!("SELECT name FROM pragma_table_xinfo('{relation}')")
            } else {
                format!("SELECT attname::text FROM pg_attribute WHERE attrelid = '{relation}'::regclass AND attnum > 0")
            };
            let columns = select(&subject, &columns).await;
            assert!(columns.len() >= 4, "{relation}: {columns:?}");
            let section = section(&document, relation);
            for column in &columns {
                assert!(section.contains(&format!("`{column}`")), "docs/store.md does not describe {relation}.{column}");
            }
            let described = section.lines().filter(|line| line.starts_with("| `")).count();
            assert_eq!(described, columns.len(), "docs/store.md describes other columns of {relation} than there are");
        }
    });
}

/// The part of the document under the heading of a table or view.
fn section<'a>(document: &'a str, relation: &str) -> &'a str {
    let heading = format!("### {relation}\n");
    let start = document.find(&heading).unwrap_or_else(|| panic!("docs/store.md has no heading {heading:?}"));
    let rest = &document[start + heading.len()..];
    &rest[..rest.find("\n#").unwrap_or(rest.len())]
}
