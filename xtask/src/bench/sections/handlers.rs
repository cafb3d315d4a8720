//! How soon a handler hears of a command.

use std::process::Command;

use crate::bench::Bench;
use crate::bench::programs::rows_of;
use crate::bench::row::Row;
use crate::shell::Failed;

pub(super) const ABOUT: &str = "From the moment when the log has answered that an append is durable to \
    the call of a subscription's handler with its event, in one process: journal, entities, reader and \
    subscription as in the shop, the commands from another thread. No HTTP, and no other subscriber.";

pub(super) fn run(bench: &Bench<'_>, rows: &mut Vec<Row>) -> Result<(), Failed> {
    let programs = bench.programs(&["handlers"])?;
    let folder = bench.folder("handlers")?;
    let mut command = Command::new(programs.named("handlers")?);
    rows.extend(rows_of(command.arg(folder.path()).args(bench.time()))?);
    Ok(())
}
