//! The Redis clients that the tests run as they are: `redis-cli`, and redis-py in an environment of its
//! own below the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{Failed, announce, runs, step};
use crate::workspace::Workspace;

/// The variable that names `redis-cli`.
const CLI: &str = "ORDERSHOP_REDIS_CLI";
/// The variable that names a Python that has redis-py.
const PYTHON: &str = "ORDERSHOP_REDIS_PYTHON";
/// The package that is installed where no Python has it.
const REDIS_PY: &str = "redis>=5,<8";

/// The variables that tell the tests where the clients are; what is missing is fetched.
///
/// `server` is the Redis server that was found: the client often lies beside it.
pub(crate) fn variables(
    workspace: &Workspace,
    server: Option<&Path>,
) -> Result<[(&'static str, PathBuf); 2], Failed> {
    let tools = workspace.target_folder()?.join("tools");
    Ok([(CLI, cli(&tools, server)?), (PYTHON, python(&tools)?)])
}

fn cli(tools: &Path, server: Option<&Path>) -> Result<PathBuf, Failed> {
    let beside = server.map(|server| server.with_file_name("redis-cli"));
    let named = std::env::var_os(CLI).map(PathBuf::from);
    let candidates = [named, beside, Some("redis-cli".into()), Some(tools.join("redis/redis-cli"))];
    let found = candidates.into_iter().flatten().find(|cli| starts(cli, &["--version"]));
    found.ok_or_else(|| {
        Failed::because(format!(
            "the tests need redis-cli; install it, e.g. by `apt-get install redis-tools`, or name it \
             in {CLI}"
        ))
    })
}

fn python(tools: &Path) -> Result<PathBuf, Failed> {
    let own = tools.join("redis-py");
    let own_python = own.join("bin/python");
    let named = std::env::var_os(PYTHON).map(PathBuf::from);
    let candidates = [named, Some("python3".into()), Some(own_python.clone())];
    let has_it = |python: &PathBuf| starts(python, &["-c", "import redis"]);
    if let Some(python) = candidates.into_iter().flatten().find(has_it) {
        return Ok(python);
    }
    announce(&format!("getting redis-py into {}", own.display()));
    if own.exists() {
        fs::remove_dir_all(&own)?;
    }
    let installed = step(Command::new("python3").args(["-m", "venv"]).arg(&own)).and_then(|()| {
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", REDIS_PY];
        step(Command::new(&own_python).args(pip))
    });
    match installed {
        Ok(()) if has_it(&own_python) => Ok(own_python),
        _ => Err(Failed::because(format!(
            "the tests need Python with redis-py, and could not get it; install it, e.g. by `pip \
             install redis`, or name such a Python in {PYTHON}"
        ))),
    }
}

fn starts(program: &Path, arguments: &[&str]) -> bool {
    runs(&program.to_string_lossy(), arguments)
}
