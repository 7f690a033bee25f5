//! Services behind Muster, as doubles that speak HTTP on loopback.

#[path = "support/doubles/fastpix.rs"]
mod fastpix;
#[path = "backends/fastpix.rs"]
mod fastpix_backend;
#[path = "backends/fastpix_double.rs"]
mod fastpix_double;
#[path = "support/doubles/faults.rs"]
mod faults;
#[path = "support/doubles/hasty.rs"]
mod hasty;
#[path = "support/scenario.rs"]
mod scenario;
