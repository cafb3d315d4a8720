//! `cargo xtask ci`: what must pass before a change lands.

use crate::shell::Failed;
use crate::workspace::Workspace;
use crate::{lint, test};

pub(crate) const SUMMARY: &str = "what must pass before a change lands: `lint`, then `test`";
pub(crate) const HELP: &str = "
Runs `cargo xtask lint`, then `cargo xtask test`, the README's command. Both compile with the same
features into the same folder, so nothing is compiled twice.
";

pub(crate) fn run(workspace: &Workspace, _arguments: &[String]) -> Result<(), Failed> {
    lint::run(workspace, &[])?;
    test::run(workspace, &[])
}
