//! Services behind Muster, as doubles that speak HTTP on loopback.

#[path = "support/doubles/aaq.rs"]
mod aaq;
#[path = "backends/aaq.rs"]
mod aaq_backend;
#[path = "backends/aaq_double.rs"]
mod aaq_double;
#[path = "backends/asking.rs"]
mod asking;
#[path = "support/doubles/fastpix.rs"]
mod fastpix;
#[path = "backends/fastpix.rs"]
mod fastpix_backend;
#[path = "backends/fastpix_double.rs"]
mod fastpix_double;
#[path = "support/doubles/faults.rs"]
mod faults;
#[path = "backends/front.rs"]
mod front;
#[path = "support/doubles/hasty.rs"]
mod hasty;
#[path = "support/doubles/hundredms.rs"]
mod hundredms;
#[path = "backends/hundredms.rs"]
mod hundredms_backend;
#[path = "backends/hundredms_double.rs"]
mod hundredms_double;
#[path = "backends/hundredms_faults.rs"]
mod hundredms_faults;
#[path = "backends/live.rs"]
mod live;
#[path = "backends/mirrored.rs"]
mod mirrored;
#[path = "support/program.rs"]
mod program;
#[path = "support/readme.rs"]
mod readme;
#[path = "support/scenario.rs"]
mod scenario;
