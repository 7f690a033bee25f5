use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MatchResources, NamedRuleWithOperations, ParamKind, ParamRef, ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding, ValidatingAdmissionPolicyBindingSpec, ValidatingAdmissionPolicySpec, Validation, Variable,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::ObjectMeta;

use crate::api::organization::Preset;
use crate::api::policy::DeletionMode;
use crate::api::{API_VERSION, GROUP, Kind, VERSION};
use crate::tenancy::preset;

/// A namespace that is being deleted takes everything along, so that it does not hang; the engine keeps what is protected. Conditions
/// on what a policy matches do not see the namespace, so each validation asks.
const NAMESPACE_GOES: &str = "has(namespaceObject.metadata.deletionTimestamp)";

/// The values in force are what the controller reports. `dyn` is there because the schema of a status leaves them open.
const PROTECTED: &str = "dyn(oldObject).?spec.?deletionProtection.orValue(false) == true \
                         || dyn(oldObject).?status.?effective.?deletionProtection.orValue(false) == true";

/// The policies that refuse deletions in the API server itself, each with what puts it into force. None of them needs the webhook to
/// run.
#[must_use]
pub fn policies() -> Vec<(ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding)> {
    vec![deletion_protected(), workspace_undeletable(), organization_undeletable()]
}

/// A workspace is protected while the store says so or its document does.
fn deletion_protected() -> (ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding) {
    let policy = ValidatingAdmissionPolicySpec {
        variables: Some(vec![variable("namespaceGoes", NAMESPACE_GOES), variable("isProtected", PROTECTED)]),
        validations: Some(vec![refusal(
            "variables.namespaceGoes || !variables.isProtected",
            "'workspace/' + oldObject.metadata.name + ' is protected from deletion (deletion-protected); set \
             deletionProtection: false, wait until that is applied, and delete it then'",
        )]),
        ..of(Kind::Workspace)
    };
    named("workspace-deletion-protected", policy, None)
}

/// The policy of the organization that a workspace refers to, in its own namespace. Every Organization of the namespace is a
/// parameter, and the condition leaves the one that is meant.
fn workspace_undeletable() -> (ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding) {
    let is_meant = "params.metadata.name == oldObject.spec.organizationRef.name";
    let policy = ValidatingAdmissionPolicySpec {
        match_conditions: Some(vec![MatchCondition { name: "its-organization".to_owned(), expression: is_meant.to_owned() }]),
        param_kind: Some(ParamKind { api_version: Some(API_VERSION.to_owned()), kind: Some("Organization".to_owned()) }),
        variables: Some(vec![variable("namespaceGoes", NAMESPACE_GOES), variable("isForbidden", &is_forbidden("params"))]),
        validations: Some(vec![refusal(
            "variables.namespaceGoes || !variables.isForbidden",
            "'workspace/' + oldObject.metadata.name + ' stays: the policy of organization/' + params.metadata.name + ' does not allow \
             workspaces to be deleted (workspace-undeletable); loosen workspaceDeletion.mode, wait until that is applied, and delete \
             it then'",
        )]),
        ..of(Kind::Workspace)
    };
    let all_of_the_namespace = ParamRef {
        selector: Some(LabelSelector::default()),
        parameter_not_found_action: Some("Allow".to_owned()),
        ..ParamRef::default()
    };
    named("workspace-undeletable", policy, Some(all_of_the_namespace))
}

/// An organization whose workspaces cannot be deleted goes only where going means letting go of it.
fn organization_undeletable() -> (ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding) {
    let lets_go = "dyn(oldObject).?spec.?deletionPolicy.orValue('') == 'Orphan' \
                   && dyn(oldObject).?status.?effective.?deletionPolicy.orValue('Orphan') == 'Orphan'";
    let policy = ValidatingAdmissionPolicySpec {
        variables: Some(vec![
            variable("namespaceGoes", NAMESPACE_GOES),
            variable("isForbidden", &is_forbidden("oldObject")),
            variable("letsGo", lets_go),
        ]),
        validations: Some(vec![refusal(
            "variables.namespaceGoes || !variables.isForbidden || variables.letsGo",
            "'organization/' + oldObject.metadata.name + ' stays: its policy does not allow workspaces to be deleted \
             (workspace-undeletable); write deletionPolicy: Orphan to keep everything in the store and let go of it, wait until that is \
             applied, and delete it then'",
        )]),
        ..of(Kind::Organization)
    };
    named("organization-undeletable", policy, None)
}

/// Whether an organization forbids to delete workspaces: in force, or as it is written. Of the two the stricter one counts.
fn is_forbidden(organization: &str) -> String {
    let forbid = DeletionMode::Forbid;
    let is_strict = |it: &&Preset| preset(**it).workspace_deletion == forbid;
    let strict: Vec<String> = Preset::ALL.iter().filter(is_strict).map(|preset| format!("'{preset}'")).collect();
    let written = format!("(dyn({organization}).?spec.?preset.orValue('') in [{}] ? '{forbid}' : '')", strict.join(", "));
    format!(
        "dyn({organization}).?status.?effective.?policy.?workspaceDeletion.?mode.orValue('') == '{forbid}' \
         || dyn({organization}).?spec.?policy.?workspaceDeletion.?mode.orValue({written}) == '{forbid}'"
    )
}

/// Every deletion of a kind.
fn of(kind: Kind) -> ValidatingAdmissionPolicySpec {
    let rule = NamedRuleWithOperations {
        api_groups: Some(vec![GROUP.to_owned()]),
        api_versions: Some(vec![VERSION.to_owned()]),
        operations: Some(vec!["DELETE".to_owned()]),
        resources: Some(vec![kind.plural().to_owned()]),
        ..NamedRuleWithOperations::default()
    };
    ValidatingAdmissionPolicySpec {
        failure_policy: Some("Fail".to_owned()),
        match_constraints: Some(MatchResources { resource_rules: Some(vec![rule]), ..MatchResources::default() }),
        ..ValidatingAdmissionPolicySpec::default()
    }
}

fn variable(name: &str, expression: &str) -> Variable {
    Variable { name: name.to_owned(), expression: expression.to_owned() }
}

fn refusal(expression: &str, message: &str) -> Validation {
    Validation {
        expression: expression.to_owned(),
        message_expression: Some(message.to_owned()),
        message: None,
        reason: Some("Forbidden".to_owned()),
    }
}

fn named(
    name: &str,
    policy: ValidatingAdmissionPolicySpec,
    param_ref: Option<ParamRef>,
) -> (ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding) {
    let name = format!("{name}.{GROUP}");
    let labels = [("app.kubernetes.io/part-of".to_owned(), "muster".to_owned())].into();
    let metadata = ObjectMeta { name: Some(name.clone()), labels: Some(labels), ..ObjectMeta::default() };
    let binding = ValidatingAdmissionPolicyBindingSpec {
        policy_name: name,
        param_ref,
        validation_actions: vec!["Deny".to_owned()],
        match_resources: None,
    };
    (
        ValidatingAdmissionPolicy { metadata: metadata.clone(), spec: Some(policy), status: None },
        ValidatingAdmissionPolicyBinding { metadata, spec: binding },
    )
}
