//! What figures depend on: the machine, its disk, the compiler, the commit.

use std::fmt;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::shell::Failed;
use crate::workspace::Workspace;

/// How many writes tell how long the disk takes.
const SYNCS: usize = 200;
/// How many bytes each of them has.
const SYNC_BYTES: usize = 4096;

/// The machine and what was measured on it.
pub(super) struct Machine {
    /// What it is, and the value, in the order in which they are shown.
    facts: Vec<(&'static str, String)>,
}

impl Machine {
    /// Looks at this machine, and measures the disk under a folder.
    pub(super) fn look(workspace: &Workspace, scratch: &Path) -> Result<Self, Failed> {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let memory = line_of("/proc/meminfo", "MemTotal:").map_or_else(unknown, |kilobytes| {
            let kilobytes: u64 =
                kilobytes.trim_end_matches(" kB").trim().parse().unwrap_or_default();
            format!("{} GiB", (kilobytes + 512 * 1024) / (1024 * 1024))
        });
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease");
        let load = fs::read_to_string("/proc/loadavg").ok();
        let load = load.and_then(|load| Some(load.split(' ').next()?.to_owned()));
        let git = |arguments: &[&str]| {
            told_by(Command::new("git").current_dir(workspace.root()).args(arguments))
        };
        let commit = git(&["rev-parse", "--short=12", "HEAD"]).map_or_else(unknown, |commit| {
            let changed = git(&["status", "--porcelain", "--untracked-files=no"]);
            let mark =
                if changed.is_some_and(|files| !files.is_empty()) { ", changed" } else { "" };
            format!("{commit}{mark}")
        });
        let facts = vec![
            ("date", told_by(Command::new("date").args(["-u", "+%F"])).unwrap_or_default()),
            ("commit", commit),
            ("toolchain", told_by(Command::new("rustc").arg("--version")).unwrap_or_default()),
            (
                "processor",
                line_of("/proc/cpuinfo", "model name").map_or_else(unknown, |name| {
                    name.trim_start_matches([':', '\t', ' ']).to_owned()
                }),
            ),
            ("cores", cores.to_string()),
            ("memory", memory),
            ("kernel", kernel.map_or_else(|_| unknown(), |kernel| kernel.trim().to_owned())),
            ("write and fdatasync of 4 KiB", disk(scratch)?),
            ("load before", load.unwrap_or_else(unknown)),
        ];
        Ok(Self { facts })
    }

    /// As the rows of a table in Markdown.
    pub(super) fn markdown(&self) -> String {
        let rows = self.facts.iter().map(|(what, value)| format!("| {what} | {value} |\n"));
        format!("| | |\n|---|---|\n{}", rows.collect::<String>())
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.facts.iter().try_for_each(|(what, value)| writeln!(f, "    {what:28} {value}"))
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// What stands behind a word at the beginning of a file's line.
fn line_of(path: &str, word: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| Some(line.strip_prefix(word)?.trim().to_owned()))
}

/// What a program says in its first line, if it succeeds.
fn told_by(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout);
    Some(text.lines().next().unwrap_or_default().to_owned())
}

/// How long the disk takes to make a little durable.
fn disk(folder: &Path) -> Result<String, Failed> {
    let path = folder.join("disk");
    let mut file = File::create(&path)?;
    let mut times: Vec<Duration> = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let begun = Instant::now();
        file.write_all(&[b'x'; SYNC_BYTES])?;
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    fs::remove_file(path)?;
    times.sort_unstable();
    let at = |part: usize| times[SYNCS * part / 100].as_micros();
    Ok(format!("p50 {} µs, p99 {} µs", at(50), at(99)))
}
