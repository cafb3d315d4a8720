//! The programs that are measured, built in release.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use super::guard::Guarded;
use super::row::Row;
use crate::shell::{Failed, show};
use crate::workspace::Workspace;

/// Programs that cargo built.
pub(super) struct Programs(Vec<(String, PathBuf)>);

impl Programs {
    /// Builds what `cargo build --release` is told to.
    pub(super) fn build(workspace: &Workspace, what: &[&str]) -> Result<Self, Failed> {
        let mut command = workspace.cargo(["build", "--release", "--message-format", "json"]);
        command.args(what).stdin(Stdio::null()).stderr(Stdio::inherit());
        let begun = Instant::now();
        eprintln!("    {}", show(&command));
        let output = command.output()?;
        if !output.status.success() {
            // Errors are messages, too; whoever reads this wants them as text.
            for message in messages(&output.stdout) {
                eprint!("{}", message["message"]["rendered"].as_str().unwrap_or_default());
            }
            return Err(Failed::because(format!("the build of {} failed", what.join(" "))));
        }
        eprintln!("    done in {:.1} s", begun.elapsed().as_secs_f64());
        let built = messages(&output.stdout).filter_map(|message| {
            let program = PathBuf::from(message["executable"].as_str()?);
            Some((message["target"]["name"].as_str()?.to_owned(), program))
        });
        Ok(Self(built.collect()))
    }

    /// The program of that name.
    pub(super) fn named(&self, name: &str) -> Result<&PathBuf, Failed> {
        let found = self.0.iter().find(|(found, _)| found == name);
        found
            .map(|(_, program)| program)
            .ok_or_else(|| Failed::because(format!("no program `{name}` was built")))
    }
}

/// Runs a program and takes in the rows that it prints, one JSON object a line.
pub(super) fn rows_of(command: &mut Command) -> Result<Vec<Row>, Failed> {
    let shown = show(command);
    let mut running = Guarded::spawn(command.stdout(Stdio::piped()))?;
    let mut output = Vec::new();
    if let Some(mut stdout) = running.process.stdout.take() {
        stdout.read_to_end(&mut output)?;
    }
    let status = running.process.wait()?;
    if !status.success() {
        return Err(Failed::because(format!("`{shown}` ended with {status}")));
    }
    Ok(messages(&output).filter_map(|row| Row::from_json(&row)).collect())
}

fn messages(output: &[u8]) -> impl Iterator<Item = Value> {
    output.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok())
}
