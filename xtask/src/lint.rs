//! `cargo xtask lint`: format, house rules, clippy, documentation, licences and bans.

use crate::shell::{Failed, announce, runs, step};
use crate::test::SCOPE;
use crate::tidy;
use crate::workspace::Workspace;

pub(crate) const SUMMARY: &str = "format, house rules, clippy, documentation, licences and bans";
pub(crate) const HELP: &str = "
In this order: `cargo fmt --check` (it lists what `cargo fmt --all` would change); `cargo xtask
tidy`; clippy over all targets and features, with warnings as errors; rustdoc, with warnings as
errors; cargo-deny (licences, bans, sources; installed with cargo when it is missing).

cargo-deny's advisories are left out: they need a database from outside, and change without a
change of ours. Run `cargo deny check advisories` now and then.
";

/// The version of cargo-deny that deny.toml is written for.
const DENY_VERSION: &str = "^0.20";

pub(crate) fn run(workspace: &Workspace, _arguments: &[String]) -> Result<(), Failed> {
    step(&mut workspace.cargo(["fmt", "--all", "--check", "--", "-l"]))?;
    tidy::run(workspace, &[])?;
    step(workspace.cargo(["clippy"]).args(SCOPE).args(["--all-targets", "--", "-D", "warnings"]))?;
    step(workspace.cargo(["doc", "--no-deps"]).args(SCOPE).env("RUSTDOCFLAGS", "-D warnings"))?;
    deny(workspace)
}

fn deny(workspace: &Workspace) -> Result<(), Failed> {
    if !runs("cargo", &["deny", "--version"]) {
        announce("cargo-deny is missing; installing it takes two to three minutes");
        step(&mut workspace.cargo([
            "install",
            "--locked",
            "cargo-deny",
            "--version",
            DENY_VERSION,
        ]))?;
    }
    // What deny.toml allows, and nothing has come to need yet, is no news.
    let quiet = ["--hide-inclusion-graph", "-A", "unused-wrapper", "-A", "license-not-encountered"];
    step(
        workspace
            .cargo(["deny", "--workspace", "--all-features", "check"])
            .args(quiet)
            .args(["bans", "licenses", "sources"]),
    )
}
