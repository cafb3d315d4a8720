//! The programs that the tests start beside cargo and the shop itself.

use std::path::PathBuf;

use crate::servers;
use crate::shell::{Failed, runs};
use crate::workspace::Workspace;

/// A program that must be there, and how to get it.
struct Need {
    program: &'static str,
    /// Arguments with which it exits at once and with 0.
    probe: &'static [&'static str],
    used_for: &'static str,
    install: &'static str,
}

const NEEDS: &[Need] = &[Need {
    program: "sh",
    probe: &["-c", "kill -0 $$"],
    used_for: "sending signals to the shop",
    install: "any POSIX shell, e.g. `apt-get install dash`",
}];

/// Fails with the way to install the first program that is missing; gives the variables that tell
/// the tests where the others are.
pub(crate) fn meet(workspace: &Workspace) -> Result<Vec<(&'static str, PathBuf)>, Failed> {
    match NEEDS.iter().find(|need| !runs(need.program, need.probe)) {
        None => servers::variables(workspace),
        Some(need) => Err(Failed::because(format!(
            "the tests need `{}` for {}; install {}",
            need.program, need.used_for, need.install
        ))),
    }
}
