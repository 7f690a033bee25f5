//! Services behind Muster, as doubles that speak HTTP on loopback.

#[path = "backends/asking.rs"]
mod asking;
#[path = "support/doubles/faults.rs"]
mod faults;
#[path = "backends/front.rs"]
mod front;
#[path = "support/doubles/hundredms.rs"]
mod hundredms;
#[path = "backends/hundredms.rs"]
mod hundredms_backend;
#[path = "backends/hundredms_double.rs"]
mod hundredms_double;
#[path = "backends/hundredms_faults.rs"]
mod hundredms_faults;
#[path = "backends/mirrored.rs"]
mod mirrored;
