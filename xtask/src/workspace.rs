//! Where the workspace is, and what cargo knows about it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::shell::Failed;

/// The workspace this program was built from.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The folder above this package's own.
    pub(crate) fn find() -> Result<Self, Failed> {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .map(|root| Self { root: root.to_owned() })
            .ok_or_else(|| Failed::because("this package has no folder above it"))
    }

    /// The folder of the root Cargo.toml.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// `cargo` in the workspace's folder, as if it were called by hand.
    ///
    /// The cargo that runs this program tells it of its package in variables. Passed on, they would
    /// have crates whose build scripts look at them, and all that is made of those, built anew.
    pub(crate) fn cargo<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new("cargo");
        command.current_dir(&self.root).args(arguments);
        for (name, _) in std::env::vars_os() {
            let of_package = ["CARGO_PKG_", "CARGO_MANIFEST_"];
            if name.to_str().is_some_and(|name| of_package.iter().any(|of| name.starts_with(of))) {
                command.env_remove(name);
            }
        }
        command
    }

    /// The answer of `cargo metadata`: packages, the resolved graph, the target folder.
    pub(crate) fn metadata(&self) -> Result<Value, Failed> {
        let output = self
            .cargo(["metadata", "--format-version", "1", "--all-features"])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(Failed::because("`cargo metadata` failed; is a Cargo.toml broken?"));
        }
        serde_json::from_slice(&output.stdout)
            .map_err(|error| Failed::because(format!("`cargo metadata` printed no JSON: {error}")))
    }

    /// The folder that cargo builds into.
    pub(crate) fn target_folder(&self) -> Result<PathBuf, Failed> {
        let metadata = self.metadata()?;
        metadata["target_directory"]
            .as_str()
            .map(PathBuf::from)
            .ok_or_else(|| Failed::because("`cargo metadata` names no target folder"))
    }
}
