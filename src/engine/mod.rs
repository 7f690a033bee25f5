//! Who strings it together: the only place where reading, planning and storing meet. Both front doors call these functions and
//! make no decision of their own.

mod after;
mod answer;
mod apply;
mod drift;
mod export;
mod lower;
mod mirroring;
mod outcome;
mod planning;
mod record;
mod restore;
mod verify;

pub use after::after;
pub use answer::{Answer, AnswerError, answer};
pub use apply::{Apply, apply, claimed_elsewhere};
pub use drift::{Drift, drift};
pub use export::{Document, as_input, export, to_yaml};
pub use mirroring::{capability_findings, drift_at_service, mirror_out, origins, plan_mirror};
pub use outcome::{Done, End, Outcome};
pub use planning::{Planned, plan_input, plan_snapshots};
pub use restore::{RestoreError, Restored, restore};
pub use verify::{VerifyError, verify};
