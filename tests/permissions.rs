//! Four golden tables: what each system's document says that each of its roles may do, cell by cell, and what `access` computes
//! for an organization with that system's preset.

#[path = "support/scenario.rs"]
mod scenario;

use muster::api::{Kind, Verb};
use muster::store::Observe;
use muster::tenancy::{Key, Standing, Viewer, World, access, members_with_email, obstacle, roles_with};
use scenario::{BEGIN, told};

/// A line of a table: what the document calls it, the permissions it takes, where, and a cell for each column.
type Line = (&'static str, &'static [Verb], &'static str, &'static str);

/// A table of a document.
struct Table {
    /// An organization in which somebody has each role.
    organization: &'static str,
    /// The roles, and the addresses of those who have them.
    columns: &'static [(&'static str, &'static str)],
    lines: &'static [Line],
}

impl Table {
    async fn holds(&self) {
        let store = told(self.organization).await;
        let snapshot = store.observe(&"acme".into()).await.unwrap();
        let world = World::new(&snapshot.rows, BEGIN.parse().unwrap());
        let mut wrong = String::new();
        for (line, verbs, place, cells) in self.lines {
            let cells: Vec<&str> = cells.split_whitespace().collect();
            assert_eq!(cells.len(), self.columns.len(), "{line}");
            let place = key(place);
            assert!(world.get(&place).is_some(), "{line}: there is no {place}");
            for ((role, email), cell) in self.columns.iter().zip(cells) {
                let mut members = members_with_email(&world, email).peekable();
                assert!(members.peek().is_some(), "nobody is {email}");
                let may = members.any(|member| verbs.iter().all(|verb| access(&world, member, &place).contains_key(verb)));
                let may_some = members_with_email(&world, email)
                    .any(|member| verbs.iter().any(|verb| access(&world, member, &place).contains_key(verb)));
                if may != (cell == "yes") || may_some != (cell == "yes") {
                    wrong += &format!("{line}, {role}: {cell} in the document, {may} here ({place})\n");
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    }
}

fn key(text: &str) -> Key {
    let (kind, name) = text.split_once('/').unwrap();
    Key::new(Kind::ALL.into_iter().find(|it| it.label() == kind).unwrap(), name)
}

/// 100ms, Workspaces: the table of membership types, four columns and six lines.
const HUNDREDMS: Table = Table {
    organization: "\
apiVersion: muster.dev/v1alpha1
kind: Organization
metadata: {name: acme}
spec: {preset: hundredms, policy: {invitations: {mode: Direct}}}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: design}
spec: {organizationRef: {name: acme}}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: olga}
spec: {organizationRef: {name: acme}, email: olga@acme.example, role: OrganizationOwner}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: adam}
spec: {organizationRef: {name: acme}, email: adam@acme.example, workspaces: [{name: design, role: Admin}]}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: mary}
spec: {organizationRef: {name: acme}, email: mary@acme.example, workspaces: [{name: design, role: Member}]}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: rolf}
spec: {organizationRef: {name: acme}, email: rolf@acme.example, workspaces: [{name: design, role: ReadOnly}]}
",
    columns: &[
        ("Organization Owner", "olga@acme.example"),
        ("Admin", "adam@acme.example"),
        ("Member", "mary@acme.example"),
        ("Read Only", "rolf@acme.example"),
    ],
    lines: &[
        ("Rooms (create or modify)", &[Verb::RoomsWrite, Verb::RoomsDelete], "workspace/design", "yes yes yes no"),
        ("Templates (create or modify)", &[Verb::TemplatesWrite, Verb::TemplatesDelete], "workspace/design", "yes yes yes no"),
        ("Developer Configuration", &[Verb::DeveloperRead, Verb::DeveloperWrite], "workspace/design", "yes yes no no"),
        ("Workspace Settings", &[Verb::WorkspaceUpdate, Verb::MembersWrite], "workspace/design", "yes yes no no"),
        ("Organization Settings", &[Verb::OrganizationWrite], "organization/acme", "yes no no no"),
        (
            "view templates, rooms, and sessions",
            &[Verb::TemplatesRead, Verb::RoomsRead, Verb::SessionsRead],
            "workspace/design",
            "yes yes yes yes",
        ),
    ],
};

/// KeyRunner, Workspaces: the seven actions of its chapter on management, by who performs them. The private workspace is `secret`.
const KEYRUNNER: Table = Table {
    organization: "\
apiVersion: muster.dev/v1alpha1
kind: Organization
metadata: {name: acme}
spec: {preset: keyrunner}
---
apiVersion: muster.dev/v1alpha1
kind: Project
metadata: {name: core}
spec: {organizationRef: {name: acme}}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: shared}
spec: {organizationRef: {name: acme}, projectRef: {name: core}, scope: Project}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: secret}
spec: {organizationRef: {name: acme}, projectRef: {name: core}, scope: Private, owner: olga}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: tina}
spec: {organizationRef: {name: acme}, email: tina@acme.example, role: TenantAdmin}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: paul}
spec: {organizationRef: {name: acme}, email: paul@acme.example, projects: [{name: core, role: ProjectAdmin}]}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: olga}
spec: {organizationRef: {name: acme}, email: olga@acme.example, workspaces: [{name: secret, role: Owner}, {name: shared, role: Admin}]}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: uma}
spec: {organizationRef: {name: acme}, email: uma@acme.example, projects: [{name: core, role: ProjectUser}]}
",
    columns: &[
        ("Tenant Admin", "tina@acme.example"),
        ("Project Admin", "paul@acme.example"),
        ("Workspace Owner/Admin", "olga@acme.example"),
        ("user of the project", "uma@acme.example"),
    ],
    lines: &[
        ("1. create a workspace", &[Verb::WorkspaceCreate], "project/core", "yes yes no no"),
        ("2. update a workspace", &[Verb::WorkspaceUpdate], "workspace/shared", "yes yes no no"),
        ("2. update a private workspace", &[Verb::WorkspaceUpdate], "workspace/secret", "yes yes no no"),
        ("3. soft delete and recover a workspace", &[Verb::WorkspaceDelete, Verb::WorkspaceRestore], "workspace/shared", "yes yes no no"),
        ("3. soft delete a private workspace", &[Verb::WorkspaceDelete, Verb::WorkspaceRestore], "workspace/secret", "yes yes no no"),
        ("4. add users to and remove them from a private workspace", &[Verb::MembersWrite], "workspace/secret", "no no yes no"),
        ("5. the workspaces of a project that one is part of", &[Verb::WorkspaceRead], "workspace/shared", "yes yes yes yes"),
        ("6. the users of a private workspace", &[Verb::MembersRead], "workspace/secret", "no no yes no"),
        ("6. the users of a workspace of the project", &[Verb::MembersRead], "workspace/shared", "yes yes yes no"),
        ("private workspaces are for users explicitly added", &[Verb::ContentRead], "workspace/secret", "no no yes no"),
    ],
};

/// AAQ, Introducing Workspaces: the two user types, in their workspace and in a foreign one.
const AAQ: Table = Table {
    organization: "\
apiVersion: muster.dev/v1alpha1
kind: Organization
metadata: {name: acme}
spec: {preset: aaq}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: health}
spec: {organizationRef: {name: acme}}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: foreign}
spec: {organizationRef: {name: acme}}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: adam}
spec: {organizationRef: {name: acme}, email: adam@acme.example, workspaces: [{name: health, role: Admin}]}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: rolf}
spec: {organizationRef: {name: acme}, email: rolf@acme.example, workspaces: [{name: health}]}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: fiona}
spec: {organizationRef: {name: acme}, email: fiona@acme.example, workspaces: [{name: foreign, role: Admin}]}
",
    columns: &[("Admin", "adam@acme.example"), ("Read-Only", "rolf@acme.example")],
    lines: &[
        ("create, update, and delete data", &[Verb::ContentWrite], "workspace/health", "yes no"),
        ("read data", &[Verb::ContentRead], "workspace/health", "yes yes"),
        ("add or remove users", &[Verb::MembersWrite], "workspace/health", "yes no"),
        ("create new workspaces", &[Verb::WorkspaceCreate], "workspace/health", "yes yes"),
        ("remove their own", &[Verb::WorkspaceDelete], "workspace/health", "yes no"),
        ("generate or update API keys", &[Verb::ApiKeyRotate], "workspace/health", "yes no"),
        ("costly operations", &[Verb::CostlyUse], "workspace/health", "yes no"),
        ("visibility into a different workspace", &[Verb::WorkspaceRead, Verb::ContentRead], "workspace/foreign", "no no"),
    ],
};

/// FastPix, Set up workspace: the tables of the admin and of the member role.
const FASTPIX: Table = Table {
    organization: "\
apiVersion: muster.dev/v1alpha1
kind: Organization
metadata: {name: acme}
spec: {preset: fastpix, policy: {invitations: {mode: Direct}}}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: adam}
spec: {organizationRef: {name: acme}, email: adam@acme.example, role: Admin}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: mary}
spec: {organizationRef: {name: acme}, email: mary@acme.example, role: Member, workspaces: [{name: production}]}
",
    columns: &[("Admin", "adam@acme.example"), ("Member", "mary@acme.example")],
    lines: &[
        ("send invites, edit access, delete invited, remove others", &[Verb::MembersWrite], "organization/acme", "yes no"),
        ("view/get details in Organization", &[Verb::MembersRead], "organization/acme", "yes yes"),
        ("view/get Organization details", &[Verb::OrganizationRead], "organization/acme", "yes yes"),
        ("edit your Organization's details", &[Verb::OrganizationWrite], "organization/acme", "yes no"),
        ("add new Workspace", &[Verb::WorkspaceCreate], "organization/acme", "yes no"),
        ("edit Workspace details", &[Verb::WorkspaceUpdate], "workspace/production", "yes yes"),
        ("delete the Workspace", &[Verb::WorkspaceDelete], "workspace/production", "yes no"),
        ("view/get Workspace details", &[Verb::WorkspaceRead], "workspace/production", "yes yes"),
        ("the Workspaces a Member is not assigned to", &[Verb::WorkspaceRead], "workspace/development", "yes no"),
        ("create, delete Signing Key", &[Verb::SigningKeysCreate, Verb::SigningKeysDelete], "workspace/production", "yes no"),
        ("see Signing Key details", &[Verb::SigningKeysRead], "workspace/production", "yes no"),
        ("see Access Token details", &[Verb::AccessTokensRead], "workspace/production", "yes no"),
        (
            "revoke, generate Access Token",
            &[Verb::AccessTokensRevoke, Verb::AccessTokensCreate],
            "workspace/production",
            "yes no",
        ),
        (
            "create, delete, update Media",
            &[Verb::MediaCreate, Verb::MediaDelete, Verb::MediaUpdate],
            "workspace/production",
            "yes no",
        ),
        ("view Media details", &[Verb::MediaRead], "workspace/production", "yes yes"),
        ("create, delete Live Stream", &[Verb::LiveStreamsCreate, Verb::LiveStreamsDelete], "workspace/production", "yes no"),
        ("view Live Stream details", &[Verb::LiveStreamsRead], "workspace/production", "yes yes"),
    ],
};

#[tokio::test]
async fn hundredms_gives_its_membership_types_what_its_table_says() {
    HUNDREDMS.holds().await;
}

#[tokio::test]
async fn keyrunner_lets_its_admins_and_users_do_what_its_seven_actions_say() {
    KEYRUNNER.holds().await;
}

#[tokio::test]
async fn aaq_gives_its_two_user_types_what_it_announced() {
    AAQ.holds().await;
}

#[tokio::test]
async fn fastpix_gives_its_two_roles_what_its_lists_say() {
    FASTPIX.holds().await;
}

#[tokio::test]
async fn everybody_in_keyrunner_has_a_local_workspace_that_nobody_else_reaches() {
    let store = told(KEYRUNNER.organization).await;
    let snapshot = store.observe(&"acme".into()).await.unwrap();
    let world = World::new(&snapshot.rows, BEGIN.parse().unwrap());
    for owner in ["tina", "paul", "olga", "uma"] {
        let place = key(&format!("workspace/local-{owner}"));
        let reach: Vec<&str> = world
            .members()
            .map(|(item, _)| item.row.key.name.as_str())
            .filter(|it| !access(&world, it, &place).is_empty())
            .collect();
        assert_eq!(reach, [owner]);
    }
}

#[tokio::test]
async fn who_looks_sees_his_own_workspaces_and_in_them_himself_or_all_as_an_admin() {
    let store = told(KEYRUNNER.organization).await;
    let snapshot = store.observe(&"acme".into()).await.unwrap();
    let world = World::new(&snapshot.rows, BEGIN.parse().unwrap());
    let seen = |viewer: &str, place: &str| -> Vec<String> {
        let email = format!("{viewer}@acme.example");
        let (viewer, place) = (Viewer::new(&world, &email), key(place));
        let all = world.members().map(|(item, _)| &item.row.key.name);
        all.filter(|it| !access(&world, it, &place).is_empty() && viewer.sees_member(it, &place))
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(seen("uma", "workspace/shared"), ["uma"]);
    assert_eq!(seen("olga", "workspace/shared"), ["olga", "paul", "tina", "uma"]);
    assert_eq!(seen("uma", "workspace/secret"), Vec::<String>::new());
    assert_eq!(seen("paul", "workspace/secret"), ["paul"]);
    assert_eq!(seen("olga", "workspace/local-uma"), Vec::<String>::new());
    assert_eq!(seen("nobody", "workspace/shared"), Vec::<String>::new());
}

/// Who was invited on 2 March.
fn invited(preset: &str, admin: &str, role: &str) -> String {
    format!(
        "\
#! apply --at 2026-03-02T09:00:00Z
apiVersion: muster.dev/v1alpha1
kind: Organization
metadata: {{name: acme}}
spec: {{preset: {preset}}}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {{name: adam}}
spec: {{organizationRef: {{name: acme}}, email: adam@acme.example, role: {admin}}}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {{name: mary}}
spec: {{organizationRef: {{name: acme}}, email: mary@acme.example, role: {role}}}
"
    )
}

#[tokio::test]
async fn an_invitation_of_fastpix_is_open_for_fourteen_days_and_one_of_100ms_for_ever() {
    let cases = [
        (invited("fastpix", "Admin", "Member"), Standing::Expired),
        (invited("hundredms", "OrganizationOwner", "OrganizationOwner"), Standing::Invited),
    ];
    for (story, then) in cases {
        let store = told(&story).await;
        let snapshot = store.observe(&"acme".into()).await.unwrap();
        let standing = |at: &str| {
            let world = World::new(&snapshot.rows, at.parse().unwrap());
            world.member("mary").map(|(item, view)| world.standing(item, view))
        };
        assert_eq!(standing("2026-03-16T08:59:59Z"), Some(Standing::Invited), "{story}");
        assert_eq!(standing("2026-03-16T09:00:00Z"), Some(then), "{story}");
        assert_eq!(standing("2027-03-16T09:00:00Z"), Some(then), "{story}");
    }
}

#[tokio::test]
async fn an_admin_of_one_workspace_does_not_see_that_somebody_is_in_another() {
    let store = told(AAQ.organization).await;
    let snapshot = store.observe(&"acme".into()).await.unwrap();
    let world = World::new(&snapshot.rows, BEGIN.parse().unwrap());
    let sees = |viewer: &str, member: &str, place: &str| {
        let email = format!("{viewer}@acme.example");
        Viewer::new(&world, &email).sees_member(&member.into(), &key(place))
    };
    assert!(sees("adam", "rolf", "workspace/health"));
    assert!(!sees("adam", "fiona", "workspace/health"));
    assert!(!sees("adam", "fiona", "workspace/foreign"));
    assert!(!sees("rolf", "adam", "workspace/health"));
    assert!(sees("rolf", "rolf", "workspace/health"));
}

/// An organization in which workspaces are open, private and local, with and without a project.
const PLACES: &str = "\
apiVersion: muster.dev/v1alpha1
kind: Organization
metadata: {name: acme}
spec: {preset: keyrunner}
---
apiVersion: muster.dev/v1alpha1
kind: Project
metadata: {name: core}
spec: {organizationRef: {name: acme}}
---
apiVersion: muster.dev/v1alpha1
kind: Project
metadata: {name: side}
spec: {organizationRef: {name: acme}}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: shared}
spec: {organizationRef: {name: acme}, projectRef: {name: core}, scope: Project}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: secret}
spec: {organizationRef: {name: acme}, projectRef: {name: core}, scope: Private, owner: tina}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: free}
spec: {organizationRef: {name: acme}}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: tina}
spec: {organizationRef: {name: acme}, email: tina@acme.example, role: TenantAdmin}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: paul}
spec: {organizationRef: {name: acme}, email: paul@acme.example, projects: [{name: core, role: ProjectAdmin}, {name: side, role: ProjectAdmin}]}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: uma}
spec:
  organizationRef: {name: acme}
  email: uma@acme.example
  projects: [{name: core, role: ProjectUser}]
  workspaces: [{name: free, role: Editor, expiresAt: 2026-06-01T00:00:00Z}]
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: vera}
spec: {organizationRef: {name: acme}, email: vera@acme.example, workspaces: [{name: free, role: Viewer}]}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: dora}
spec: {organizationRef: {name: acme}, email: dora@acme.example, disabled: true, workspaces: [{name: free, role: Editor}]}
";

#[tokio::test]
async fn what_stands_against_a_permission_is_told_in_words() {
    let store = told(PLACES).await;
    let snapshot = store.observe(&"acme".into()).await.unwrap();
    let world = World::new(&snapshot.rows, "2026-07-01T00:00:00Z".parse().unwrap());
    for (member, verb, place, because) in [
        ("tina", Verb::ContentWrite, key("workspace/free"), None),
        ("uma", Verb::ContentWrite, key("workspace/shared"), None),
        ("nobody", Verb::ContentWrite, key("workspace/free"), Some("there is no member/nobody")),
        ("tina", Verb::ContentWrite, key("workspace/none"), Some("there is no workspace/none")),
        ("dora", Verb::ContentWrite, key("workspace/free"), Some("member/dora is Disabled, not Active")),
        ("uma", Verb::ContentWrite, key("workspace/free"), Some("the access of member/uma ended 2026-06-01T00:00:00Z")),
        (
            "uma",
            Verb::ContentWrite,
            key("workspace/secret"),
            Some("ProjectUser of project/core does not give content:write there, because workspace/secret is Private"),
        ),
        (
            "paul",
            Verb::ContentWrite,
            key("workspace/secret"),
            Some(
                "ProjectAdmin of project/core does not give content:write there, \
                 because workspace/secret is Private (access.privateWorkspaces: Manage)",
            ),
        ),
        ("paul", Verb::ContentWrite, key("workspace/free"), Some("member/paul has no role that counts in workspace/free")),
        (
            "paul",
            Verb::OrganizationWrite,
            key("project/core"),
            Some("ProjectAdmin of project/core does not give organization:write in project/core"),
        ),
        (
            "vera",
            Verb::ContentWrite,
            key("workspace/free"),
            Some("Viewer of workspace/free does not give content:write in workspace/free"),
        ),
        (
            "tina",
            Verb::ContentWrite,
            key("workspace/local-uma"),
            Some("TenantAdmin of organization/acme does not give content:write there, because workspace/local-uma is Local"),
        ),
    ] {
        assert_eq!(obstacle(&world, member, &place, verb).as_deref(), because, "{member} in {place}");
    }
}

#[tokio::test]
async fn the_roles_that_allow_something_are_those_that_reach_the_place() {
    let store = told(PLACES).await;
    let snapshot = store.observe(&"acme".into()).await.unwrap();
    let world = World::new(&snapshot.rows, BEGIN.parse().unwrap());
    for (verb, place, roles) in [
        (Verb::ContentWrite, "organization/acme", "TenantAdmin"),
        (Verb::ContentWrite, "project/core", "ProjectAdmin ProjectUser TenantAdmin"),
        (Verb::ContentWrite, "workspace/shared", "Admin Editor Owner ProjectAdmin ProjectUser TenantAdmin"),
        (Verb::ContentWrite, "workspace/free", "Admin Editor Owner TenantAdmin"),
        (Verb::ContentWrite, "workspace/secret", "Admin Editor Owner"),
        (Verb::WorkspaceRead, "workspace/secret", "Admin Editor Owner ProjectAdmin TenantAdmin Viewer"),
        (Verb::WorkspaceDelete, "workspace/secret", "ProjectAdmin TenantAdmin"),
        (Verb::ContentWrite, "workspace/local-uma", ""),
    ] {
        assert_eq!(roles_with(&world, verb, &key(place)).join(" "), roles, "{verb} in {place}");
    }
    let store = told(FASTPIX.organization).await;
    let snapshot = store.observe(&"acme".into()).await.unwrap();
    let world = World::new(&snapshot.rows, BEGIN.parse().unwrap());
    assert_eq!(roles_with(&world, Verb::MediaRead, &key("workspace/production")), ["Admin", "Member"]);
    assert_eq!(roles_with(&world, Verb::MediaCreate, &key("workspace/production")), ["Admin"]);
}

#[tokio::test]
async fn who_has_no_role_in_the_whole_is_seen_there_and_closed_places_are_seen_by_nobody_else() {
    let store = told(KEYRUNNER.organization).await;
    let snapshot = store.observe(&"acme".into()).await.unwrap();
    let world = World::new(&snapshot.rows, BEGIN.parse().unwrap());
    assert!(Viewer::new(&world, "tina@acme.example").sees_member(&"uma".into(), &key("organization/acme")));
    let uma = Viewer::new(&world, "uma@acme.example");
    assert!(uma.sees_place(&key("workspace/shared")) && !uma.sees_place(&key("workspace/secret")));
}
