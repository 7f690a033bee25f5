use super::*;
use crate::source::read_text;

#[test]
fn show() {
    for text in [
        "apiVersion: muster.dev/v1alpha1
kind: Member
metadata:
  name: alice
spec:
  organisationRef: {name: acme}
  email: bob
  disabled: yes
  displayName: 123
  workspaces:
  - name: a
    role: Admin
    rolle: x
  - name: a
  - role: Admin
  - production
",
        "apiVersion: muster.dev/v1alpha1
kind: Membr
metadata:
  name: alice
spec: {}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata:
  name: Alice_B
  annotations:
    muster.dev/pausd: true
spec:
  organizationRef: acme
  type: Prod
  displayName: NO
	x: 5
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata:
  name: Alice_B
  annotations:
    muster.dev/pausd: \"true\"
spec:
  organizationRef: acme
  type: Prod
  displayName: NO
  quotas:
",
    ] {
        let reading = read_text("a.yaml", text);
        println!("{}", people(&reading.input.findings, &reading.sources, Style::default()));
        println!("{:?} {:?} {}", reading.input.manifests, reading.input.held, reading.input.complete);
        println!("{}", github(&reading.input.findings, &reading.sources));
    }
}
