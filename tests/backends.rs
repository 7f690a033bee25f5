//! Services behind Muster, as doubles that speak HTTP on loopback.

#[path = "support/doubles/aaq.rs"]
mod aaq;
#[path = "backends/aaq.rs"]
mod aaq_backend;
#[path = "backends/aaq_double.rs"]
mod aaq_double;
#[path = "support/doubles/fastpix.rs"]
mod fastpix;
#[path = "backends/fastpix_double.rs"]
mod fastpix_double;
#[path = "support/doubles/faults.rs"]
mod faults;
#[path = "support/scenario.rs"]
mod scenario;
