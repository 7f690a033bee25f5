use std::process::ExitCode;

/// What the help of a command says about them.
pub const HELP: &str = "\
Exit codes: 0 done; 1 error; 2 differences, with --detailed-exitcode; 3 refused by a rule; 4 applied in part; 5 the plan is stale; \
64 wrong usage; 130 interrupted. Every flag can be set as MUSTER_<FLAG>; MUSTER_LOG=debug shows what happens inside.";

/// How a command ends, as the shell sees it. Where several apply, the greatest wins: an error before a stale plan, that before
/// one that was applied in part, that before a refusal, that before differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Done, or nothing to do.
    Done,
    /// There are differences, and the caller asked for an exit code that says so.
    Differences(u8),
    /// A rule refused something; the rest was done.
    Refused,
    /// Some organizations were applied and others were not.
    Partial,
    /// The store changed since the plan was made; nothing was written.
    Stale,
    /// Something failed, or the input is wrong.
    Failed,
    /// The command line is wrong; nothing was tried.
    Usage,
    /// Interrupted from the keyboard.
    Interrupted,
}

impl Exit {
    /// The number that the shell sees.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Differences(code) => code,
            Self::Refused => 3,
            Self::Partial => 4,
            Self::Stale => 5,
            Self::Usage => 64,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_comes_before_stale_before_partial_before_refused_before_differences() {
        let codes = [Exit::Failed, Exit::Stale, Exit::Partial, Exit::Refused, Exit::Differences(2), Exit::Done].map(Exit::code);
        assert_eq!(codes, [1, 5, 4, 3, 2, 0]);
        assert!(
            [Exit::Failed, Exit::Stale, Exit::Partial, Exit::Refused, Exit::Differences(200), Exit::Done]
                .is_sorted_by(|a, b| a > b)
        );
    }
}
