//! `cargo xtask fixtures`: writes the codec fixtures that are missing.

use crate::shell::{Failed, step};
use crate::workspace::Workspace;

pub(crate) const SUMMARY: &str = "writes the codec fixtures that are missing";
pub(crate) const HELP: &str = "
Runs the store's fixture tests with UPDATE_FIXTURES=1: each format and version that has no fixture
yet gets one, to be committed. A fixture that exists is never changed: what was once written to a
disk must be readable for ever.
";

pub(crate) fn run(workspace: &Workspace, _arguments: &[String]) -> Result<(), Failed> {
    step(
        workspace
            .cargo(["test", "--package", "ordershop-store", "--test", "fixtures"])
            .env("UPDATE_FIXTURES", "1"),
    )
}
