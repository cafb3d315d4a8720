//! `cargo xtask prove`: the proofs that `test` runs small, at full size.

use crate::needs;
use crate::shell::{Failed, step};
use crate::test::SCOPE;
use crate::workspace::Workspace;

pub(crate) const SUMMARY: &str = "the same proofs as in `test`, at full size, optimised";
pub(crate) const HELP: &str = "
Runs every test with ORDERSHOP_PROVE=1 against an optimised build: twenty kills instead of a few, every
byte of the last batch instead of a handful, and so on. Meant for the evening, not for every change.

Arguments are passed on to `cargo test`: `cargo xtask prove --test kill`.
";

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failed> {
    let servers = needs::meet(workspace)?;
    step(
        workspace
            .cargo(["test", "--profile", "prove"])
            .args(SCOPE)
            .args(arguments)
            .envs(servers)
            .env("ORDERSHOP_PROVE", "1"),
    )
}
