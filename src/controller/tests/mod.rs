//! Passes over objects in memory: what the store has afterwards, and what each object says of itself.

mod absence;
mod approvals;
mod broken;
mod columns;
mod lease;
mod passes;
mod secrets;
mod server;
mod services;
mod world;

/// An organization with an admin, a workspace, and somebody in it.
const ACME: &str = "\
apiVersion: muster.dev/v1alpha1
kind: Organization
metadata: {name: acme}
spec: {policy: {removalDelay: 0s}}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: design}
spec: {organizationRef: {name: acme}}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: alice}
spec: {organizationRef: {name: acme}, email: alice@acme.example, role: Admin}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: bob}
spec: {organizationRef: {name: acme}, email: bob@acme.example, workspaces: [{name: design, role: Member}]}";

/// What all of it says when it is as it should be.
const IN_SYNC: [&str; 4] = [
    "organization/acme: Ready=True Succeeded",
    "workspace/design: Ready=True Succeeded",
    "member/alice: Ready=True Succeeded",
    "member/bob: Ready=True Succeeded",
];
