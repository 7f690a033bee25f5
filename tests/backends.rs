//! Services behind Muster, as doubles that speak HTTP on loopback.

#[path = "support/doubles/faults.rs"]
mod faults;
