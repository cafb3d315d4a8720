//! `cargo xtask tidy`: the house rules, as checks.

mod files;
mod imports;

use crate::shell::{Failed, announce};
use crate::workspace::Workspace;

pub(crate) const SUMMARY: &str = "the house rules: what each file looks like, who imports whom";
pub(crate) const HELP: &str = "
Files: every .rs file begins with a `//!` sentence and stays within 500 lines; no test is ignored;
no comment and no document names a path outside of this repository; every package inherits the
workspace's lints.

Imports: src -> actors -> {domain, store, supervisors}, and the last three import nothing of ours;
only store names redis and bincode; only supervisors, actors and src name actix; domain has no
runtime, no clock and no random numbers, not even through what it imports.
";

pub(crate) fn run(workspace: &Workspace, _arguments: &[String]) -> Result<(), Failed> {
    announce("tidy");
    let mut complaints = files::complaints(workspace.root())?;
    complaints.extend(imports::complaints(&workspace.metadata()?));
    for complaint in &complaints {
        println!("error: {complaint}");
    }
    match complaints.len() {
        0 => Ok(()),
        1 => Err(Failed::because("one house rule is broken, see above")),
        many => Err(Failed::because(format!("{many} house rules are broken, see above"))),
    }
}
