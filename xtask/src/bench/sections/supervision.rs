//! What a supervised actor costs, beside one of actix and those of kameo and ractor.

use std::process::Command;
use std::time::Duration;

use crate::bench::Bench;
use crate::bench::programs::{Programs, rows_of};
use crate::bench::row::Row;
use crate::shell::Failed;

pub(super) const ABOUT: &str = "A cell of the supervision crate beside a bare actix actor and the actors of \
    kameo and ractor, measured in turn: the medians of many short samples. \"Bare\" is the one that stands \
    behind the stroke. Actors and askers share one thread unless the row says otherwise; two threads \
    have a runtime each; with tokio::main the asker is `main`, and the actor on tokio's pool, while the cell \
    and its asker share an arbiter. A cell has a bound and counts what it handles; an unbounded one still \
    counts. kameo's mailbox has no bound, as that takes the least time, and ractor's never has one. Bytes are \
    resident memory with the system's allocator, each kind in a process of its own; a restart has no backoff.";

/// Samples are short, so that many are taken in little time; with eleven points all is done in a minute.
const LONGEST_POINT: Duration = Duration::from_secs(4);

pub(super) fn run(bench: &Bench<'_>, rows: &mut Vec<Row>) -> Result<(), Failed> {
    let what = ["--package", "ordershop-supervisors", "--bench", "actors"];
    let programs = Programs::build(bench.workspace, &what)?;
    let seconds = bench.options.measured.min(LONGEST_POINT).as_secs_f64().to_string();
    rows.extend(rows_of(Command::new(programs.named("actors")?).arg(&seconds))?);
    Ok(())
}
