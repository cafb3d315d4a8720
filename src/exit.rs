//! How the program ends.

use std::fmt;
use std::process::ExitCode;

/// Why the program does not, or does no longer, run; shown as one line that says what to do.
#[derive(Debug)]
pub enum Exit {
    /// What was asked for is not there, or is not as it must be: exit code 1.
    Missing(String),
    /// Whoever read its output has gone, as `head` does: exit code 0, and not a word.
    Unheard,
    /// It cannot start as it was asked to: exit code 2.
    Unusable(String),
    /// Its supervision gave up: exit code 70 (`EX_SOFTWARE` of sysexits.h).
    Broken(String),
}

impl Exit {
    /// It cannot start: what is wrong, and what to do about it.
    pub fn unusable(what: impl fmt::Display, advice: impl fmt::Display) -> Self {
        Self::Unusable(format!("{what}; {advice}"))
    }

    /// The process's exit code.
    pub fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Unheard => 0,
            Self::Missing(_) => 1,
            Self::Unusable(_) => 2,
            Self::Broken(_) => 70,
        })
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Missing(text) | Self::Unusable(text) | Self::Broken(text) => text,
            Self::Unheard => "its reader has gone",
        };
        // An error's text may span lines; what is shown is one.
        f.write_str(&text.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}
