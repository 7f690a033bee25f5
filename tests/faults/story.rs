//! A small story that most scenarios tell: an organization appears, changes, and loses somebody.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use muster::api::Kind;
use serde_json::json;

use super::world::World;

/// The organization.
pub const ACME: &str = r#"
apiVersion: muster.dev/v1alpha1
kind: Organization
metadata: {name: acme}
spec: {displayName: Acme, policy: {removalDelay: 1s}}
---
apiVersion: muster.dev/v1alpha1
kind: Project
metadata: {name: web}
spec: {organizationRef: {name: acme}, displayName: Web}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: production}
spec: {organizationRef: {name: acme}, projectRef: {name: web}, displayName: Production, deletionProtection: true}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: staging}
spec:
  organizationRef: {name: acme}
  displayName: Staging
  webhook: {url: "https://hooks.example/acme", headers: [{name: X-Token, secretRef: {name: webhook, key: token}}]}
---
apiVersion: muster.dev/v1alpha1
kind: Template
metadata: {name: meeting}
spec: {workspaceRef: {name: production}, default: true}
---
apiVersion: muster.dev/v1alpha1
kind: Role
metadata: {name: host}
spec: {templateRef: {name: meeting}, priority: 1}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: alice}
spec: {organizationRef: {name: acme}, email: alice@acme.example, role: Admin}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: bob}
spec: {organizationRef: {name: acme}, email: bob@acme.example, role: Admin}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: carol}
spec:
  organizationRef: {name: acme}
  email: carol@acme.example
  workspaces: [{name: production, role: Admin}, {name: staging, role: Member}]
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: dave}
spec: {organizationRef: {name: acme}, email: dave@acme.example, projects: [{name: web, role: Member}]}
"#;

/// Members with numbers, each as a YAML document.
pub fn members(numbers: std::ops::Range<usize>) -> String {
    let member = |number| {
        format!(
            "---\napiVersion: muster.dev/v1alpha1\nkind: Member\nmetadata: {{name: m{number}}}\n\
             spec: {{organizationRef: {{name: acme}}, email: m{number}@acme.example}}\n"
        )
    };
    numbers.map(member).collect()
}

/// The organization appears.
pub fn begin(world: &World) {
    world.apply(ACME);
    world.start();
    world.settle();
}

/// While the controller is down, somebody is promoted, a workspace is renamed in public, and somebody leaves.
pub fn go_on(world: &World) {
    world.kill();
    world.edit(Kind::Member, "carol", json!({ "spec": { "role": "Admin" } }));
    world.edit(Kind::Workspace, "staging", json!({ "spec": { "displayName": "Stage" } }));
    world.delete(Kind::Member, "dave");
    world.start();
    world.until("dave is gone from the store", |world| world.is_soft_deleted("member/dave"));
    world.settle();
}

/// What a story ends with.
#[derive(Debug, PartialEq)]
pub struct Ending {
    pub state: String,
    pub writes: BTreeMap<String, usize>,
    pub history: BTreeMap<String, usize>,
}

impl Ending {
    pub fn of(world: &World) -> Self {
        world.check();
        Self { state: world.end_state(), writes: world.proxy.writes(), history: world.told("acme").counts() }
    }

    #[track_caller]
    pub fn is_that_of(&self, other: &Self, when: &str) {
        self.ends_like(other, when);
        assert_eq!(self.history, other.history, "{when}");
        assert_eq!(self.writes, other.writes, "{when}");
    }
}

impl Ending {
    /// The state is the same, whatever it took.
    #[track_caller]
    pub fn ends_like(&self, other: &Self, when: &str) {
        assert!(self.state == other.state, "{when}:\n{}", difference(&self.state, &other.state));
    }
}

/// The lines in which two texts differ.
fn difference(left: &str, right: &str) -> String {
    similar::TextDiff::from_lines(left, right).unified_diff().context_radius(3).to_string()
}

/// The whole story when nothing goes wrong, with the number of writes that matter.
pub fn undisturbed() -> Option<&'static (Ending, usize)> {
    static ENDING: OnceLock<Option<(Ending, usize)>> = OnceLock::new();
    let tell = || {
        let world = World::new()?;
        begin(&world);
        go_on(&world);
        let ending = Ending::of(&world);
        let writes = world.proxy.written().iter().filter(|written| written.class.is_numbered()).count();
        Some((ending, writes))
    };
    ENDING.get_or_init(tell).as_ref()
}
