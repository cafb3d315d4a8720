//! Runs one step of a chore, shows it, and turns its failure into one clear line.

use std::fmt;
use std::io;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Why a chore failed, as one line for a person.
#[derive(Debug)]
pub(crate) struct Failed(String);

impl Failed {
    /// A failure told in the chore's own words.
    pub(crate) fn because(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// Announces a step, so that a long log can be skimmed by its `==>` lines.
pub(crate) fn announce(what: &str) {
    println!("\n==> {what}");
}

/// Runs a command with its output passed through, and fails unless it exits with 0.
pub(crate) fn step(command: &mut Command) -> Result<(), Failed> {
    let shown = show(command);
    announce(&shown);
    let started = Instant::now();
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| Failed::because(format!("`{shown}` could not be started: {error}")))?;
    if !status.success() {
        return Err(Failed::because(format!("`{shown}` ended with {status}")));
    }
    println!("    done in {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// Whether a program can be started at all (its own exit code does not matter).
pub(crate) fn runs(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The command as a person would type it, with the environment that the chore adds.
pub(crate) fn show(command: &Command) -> String {
    let mut words: Vec<String> = command
        .get_envs()
        .filter_map(|(name, value)| {
            let value = value?.to_string_lossy();
            let quote = if value.contains(' ') { "'" } else { "" };
            Some(format!("{}={quote}{value}{quote}", name.to_string_lossy()))
        })
        .collect();
    words.push(command.get_program().to_string_lossy().into_owned());
    words.extend(command.get_args().map(|argument| argument.to_string_lossy().into_owned()));
    words.join(" ")
}
