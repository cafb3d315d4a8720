//! What an entity costs while it has nothing to do.

use std::process::Command;

use crate::bench::Bench;
use crate::bench::programs::rows_of;
use crate::bench::row::Row;
use crate::shell::Failed;

pub(super) const ABOUT: &str = "Resident memory of a process before and after it has an actor for \
    each of many customers: loaded from the log, asked once, then left alone.";

/// One entity for so many events of a large log.
const EVENTS_PER_ENTITY: u64 = 10;

pub(super) fn run(bench: &Bench<'_>, rows: &mut Vec<Row>) -> Result<(), Failed> {
    let programs = bench.programs(&["entities"])?;
    let folder = bench.folder("entities")?;
    let count = (bench.options.events / EVENTS_PER_ENTITY).max(1).to_string();
    for step in ["fill", "load"] {
        let mut command = Command::new(programs.named("entities")?);
        rows.extend(rows_of(command.arg(step).arg(folder.path()).arg(&count))?);
    }
    Ok(())
}
