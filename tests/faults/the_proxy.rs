//! The proxy does what the scenarios rely on. No controller takes part.

use std::time::Duration;

use http_body_util::BodyExt as _;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};

use super::control_plane::{ADMIN, ControlPlane};
use super::proxy::{Answer, Class, Deliver, Fault, Injection, Proxy};
