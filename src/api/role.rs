//! Mroles: what a participant may do in a room.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::publish::PublishParams;
use super::rule::{Path, Problem, Rules, attach, check_field};
use super::status::ObjectStatus;
use super::types::{Int, List, ObjectName, Ref, Set, Text};

/// What an mrole is.
#[derive(CustomResource, Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[kube(group = "muster.dev", version = "v1alpha1", kind = "Role", plural = "roles", shortname = "mrole", namespaced)]
#[kube(category = "muster", status = "ObjectStatus", derive = "PartialEq")]
#[kube(
    doc = "What a participant may do in a room made from a template. It has nothing to do with the Role of Kubernetes RBAC: write \
              roles.muster.dev or mrole."
)]
#[kube(printcolumn = r#"{"name":"Template","type":"string","jsonPath":".spec.templateRef.name"}"#)]
#[kube(printcolumn = r#"{"name":"Name","type":"string","jsonPath":".spec.name"}"#)]
#[kube(printcolumn = r#"{"name":"Priority","type":"integer","jsonPath":".spec.priority"}"#)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = attach::<RoleSpec>)]
pub struct RoleSpec {
    /// The template that the mrole is part of. Required. It changes only to follow a template that is renamed.
    pub template_ref: Ref,
    /// The name of the mrole at the service, which tokens and other roles use. Left out: metadata.name. It can change; no two roles of a
    /// template have the same. Example: Stage Host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<128>>,
    /// Whose tracks are kept when the network is poor: 1 is kept longest. 1 to 5; with policy.templates.api V1 1 to 10. Left out: left
    /// alone; the service takes 1 in V2 of its API. It can change at any time. Example: 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<Int<1, 10>>,
    /// How many participants may have the mrole in one session: 0 is any number, -1 is nobody. Left out: 0. It can change at any time. Not
    /// in V1 of the service's API. Example: 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_peer_count: Option<Int<-1, 1_000_000>>,
    /// What participants may send, and how. Left out: left alone; the service allows everything. Participants notice after joining again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_params: Option<PublishParams>,
    /// What participants may receive, and how. Left out: left alone. Participants notice after joining again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscribe_params: Option<SubscribeParams>,
    /// What participants may do to the room and to others. Left out: left alone; in V2 the service allows the three kinds of streaming and
    /// nothing else. Participants notice after joining again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Permissions>,
    /// Earlier values of metadata.name, which make a new name a rename and not a removal and a new mrole. Left out: the mrole is new or
    /// keeps its name. Once the rename is done the entry does nothing and may stay. Example: [host-old].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_names: Option<List<ObjectName, 10>>,
}

/// What participants may receive, and how.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct SubscribeParams {
    /// The roles of the same template whose tracks can be received, by their names at the service, at most 50. Left out: left alone. An
    /// empty list: none. The list is owned whole. Example: [host, guest].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscribe_to_roles: Option<Set<Text<128>, 50>>,
    /// The highest bit rate in kilobits per second that can be received. Left out: left alone; the service takes 3200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_subs_bit_rate: Option<Int<0, 1_000_000>>,
    /// When what is received becomes poorer because the network is poor. Its presence switches screen simulcast on, so an empty one, {},
    /// is not the same as none. Left out: left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscribe_degradation: Option<SubscribeDegradation>,
}

/// When what is received becomes poorer because the network is poor.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct SubscribeDegradation {
    /// How many percent of the packets must be lost, 1 to 100. Left out: left alone; the service documents 50 and takes 25.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet_loss_threshold: Option<Int<1, 100>>,
    /// For how many seconds before tracks are paused, 1 to 10. Left out: left alone; the service takes 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub degrade_grace_period_seconds: Option<Int<1, 10>>,
    /// For how many seconds the network must be good before they come back, 1 to 10. Left out: left alone; the service takes 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recover_grace_period_seconds: Option<Int<1, 10>>,
}

/// What participants may do to the room and to others.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct Permissions {
    /// Whether they may end the room for everybody. Left out: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_room: Option<bool>,
    /// Whether they may remove others from the room. Left out: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove_others: Option<bool>,
    /// Whether they may mute others. Left out: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mute: Option<bool>,
    /// Whether they may ask others to unmute. Left out: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unmute: Option<bool>,
    /// Whether they may change the mrole of others. Left out: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_role: Option<bool>,
    /// Whether they are told the state of the room before they join. Left out: false. Not in V1 of the service's API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_room_state: Option<bool>,
    /// Whether they may see polls and answer them. Left out: false. Not in V1 of the service's API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll_read: Option<bool>,
    /// Whether they may make polls, which includes pollRead. Left out: false. Not in V1 of the service's API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll_write: Option<bool>,
    /// Whether they may start and stop browser recordings; RTMP with recording needs rtmpStreaming too. Left out: true, with V1 of the
    /// service's API false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser_recording: Option<bool>,
    /// Whether they may start and stop RTMP streams; RTMP with recording needs browserRecording too. Left out: true, with V1 of the
    /// service's API false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtmp_streaming: Option<bool>,
    /// Whether they may start and stop HLS streams. Left out: true, with V1 of the service's API false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hls_streaming: Option<bool>,
}

// templateRef may change, because it has to follow a template that is renamed; the planner judges whether it is the same template.
impl Rules for RoleSpec {
    fn inside(&self, at: &Path<'_>, problems: &mut Vec<Problem>) {
        check_field(self.publish_params.as_ref(), at, "publishParams", problems);
    }
}
