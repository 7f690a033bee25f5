//! AAQ is made to have what the store has, with its traps.

#[path = "aaq/faults.rs"]
mod faults;
#[path = "aaq/keys.rs"]
mod keys;
#[path = "aaq/members.rs"]
mod members;
#[path = "aaq/rig.rs"]
mod rig;
#[path = "aaq/workspaces.rs"]
mod workspaces;
