//! Who strings it together: the only place where reading, planning and storing meet.

mod outcome;

pub use outcome::{Done, End, Outcome};
