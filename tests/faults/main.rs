//! What can go wrong between Muster, an API server and a store while the controller runs, each as a scenario with an oracle: the same end
//! and the same number of writes as when nothing goes wrong, nothing forbidden at any moment, and secrets nowhere.
//!
//! All scenarios share one API server. Each has a namespace, a store, a proxy and a controller of its own.

#[path = "../support/doubles/aaq.rs"]
mod aaq;
#[path = "../support/control_plane.rs"]
mod control_plane;
#[path = "../support/doubles/faults.rs"]
mod faults;
#[path = "../support/history.rs"]
mod history;
#[path = "../support/doubles/hundredms.rs"]
mod hundredms;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../support/process.rs"]
mod process;
#[path = "../support/proxy.rs"]
mod proxy;
#[path = "../support/rig.rs"]
mod rig;
#[path = "../support/world.rs"]
mod world;

mod absence;
mod api_server;
mod clock;
mod crash;
mod leader;
mod lock;
mod many;
mod objects;
mod services;
mod soak;
mod store;
mod story;
mod telemetry;
mod the_proxy;
mod watch;
