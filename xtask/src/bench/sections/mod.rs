//! What is measured: one file for each section, one line here.

mod customers;
mod entities;
mod handlers;
mod log;
mod orders;
mod queries;
mod redis;
mod resp;
mod start;
mod supervision;

use super::Bench;
use super::row::Row;
use crate::shell::Failed;

/// A part of the measurement, with a table of its own.
pub(super) struct Section {
    pub(super) name: &'static str,
    /// Several sections can be asked for by one name.
    pub(super) group: &'static str,
    /// What its table holds, in a sentence or two for the page.
    pub(super) about: &'static str,
    /// Measures; what came before a failure is in the list.
    pub(super) run: fn(&Bench<'_>, &mut Vec<Row>) -> Result<(), Failed>,
}

/// Every section, in the order in which they run.
pub(super) const SECTIONS: &[Section] = &[
    Section { name: "customers", group: "http", about: customers::ABOUT, run: customers::run },
    Section { name: "orders", group: "http", about: orders::ABOUT, run: orders::run },
    Section { name: "queries", group: "http", about: queries::ABOUT, run: queries::run },
    Section { name: "log", group: "log", about: log::ABOUT, run: log::run },
    Section { name: "redis", group: "redis", about: redis::ABOUT, run: redis::run },
    Section { name: "resp", group: "resp", about: resp::ABOUT, run: resp::run },
    Section { name: "entities", group: "inside", about: entities::ABOUT, run: entities::run },
    Section { name: "handlers", group: "inside", about: handlers::ABOUT, run: handlers::run },
    Section {
        name: "supervision",
        group: "inside",
        about: supervision::ABOUT,
        run: supervision::run,
    },
    Section { name: "start", group: "start", about: start::ABOUT, run: start::run },
];
