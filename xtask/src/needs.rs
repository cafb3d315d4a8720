//! The programs that the tests start beside cargo and the shop itself.

use std::path::PathBuf;

use crate::clients;
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
        None => {
            let mut variables = servers::variables(workspace)?;
            let server = variables.first().map(|(_, program)| program.clone());
            variables.extend(clients::variables(workspace, server.as_deref())?);
            Ok(variables)
        }
        Some(need) => Err(Failed::because(format!(
            "the tests need `{}` for {}; install {}",
            need.program, need.used_for, need.install
        ))),
    }
}
