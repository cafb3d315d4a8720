//! Appends to the log, by itself and through the journal's actor, beside a bare file.

use std::process::Command;

use crate::bench::Bench;
use crate::bench::programs::{Programs, rows_of};
use crate::bench::row::Row;
use crate::shell::Failed;

pub(super) const ABOUT: &str = "Events appended to the embedded log: without actors, one batch after the \
    other; and through the journal, by callers on another thread that each wait for their answer. Each \
    batch is one write and one fdatasync. The bare thing is a file to which as many bytes are appended, \
    with as many writes and fdatasyncs.";

pub(super) fn run(bench: &Bench<'_>, rows: &mut Vec<Row>) -> Result<(), Failed> {
    let what = ["--package", "ordershop-store", "--example", "append_rate"];
    let programs = Programs::build(bench.workspace, &what)?;
    let folder = bench.folder("log")?;
    let [seconds, _] = bench.time();
    let mut command = Command::new(programs.named("append_rate")?);
    rows.extend(rows_of(command.arg(folder.path()).arg(&seconds))?);

    let programs = bench.programs(&["journal"])?;
    let folder = bench.folder("journal")?;
    let mut command = Command::new(programs.named("journal")?);
    rows.extend(rows_of(command.arg(folder.path()).arg(&seconds))?);
    Ok(())
}
