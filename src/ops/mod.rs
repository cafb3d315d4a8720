//! The commands for people: what is in the log, how an entity was, how the shop is.
//!
//! | file | what it is |
//! |---|---|
//! | `subscribers` | how far each subscriber has come; shown at `/ops/subscribers` alone |
//! | `events`, `state`, `tree`, `kill`, `quarantine`, `resume`, `rebuild`, `verify` | one command each: options, work, how it is shown |
//! | `source`, `client` | where they read: the running shop over HTTP, or a stopped shop's folder |
//! | `supervision` | the tree, as the running shop gives it to `tree` and `kill` |
//! | `entry`, `place`, `moment` | the forms in which entries, places and times are told |
//! | `past` | entities and lists as of a moment |
//! | `out` | colours and width on a terminal, plain text in a pipe |

pub mod client;
pub mod entry;
pub mod events;
pub mod kill;
pub mod moment;
pub mod out;
pub mod past;
pub mod place;
pub mod quarantine;
pub mod rebuild;
pub mod resume;
pub mod source;
pub mod state;
pub mod subscribers;
pub mod supervision;
pub mod tree;
pub mod verify;

use clap::Subcommand;

use crate::exit::Exit;

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Ask {
    /// List the log's entries, oldest first
    ///
    /// Each line tells an entry's id, action, topic, domain event, version and entity. The log of
    /// a running shop is read over HTTP, that of a stopped one from its folder.
    #[command(after_help = "Examples:\n  \
        ordershop events --topic order --limit 20\n  \
        ordershop events --follow --json | jq .data\n  \
        ordershop events --store embedded:./data --from 1795501643-626523")]
    Events(events::EventsArgs),
    /// Show one entity, now or as it was
    ///
    /// It tells the entity's document, its version, its last event and when that was, and what its
    /// events amount to inside, such as the reservations of an inventory record.
    #[command(after_help = "Examples:\n  \
        ordershop state order c9c5933e-0455-59e6-9fa3-f8f6d5adc69b\n  \
        ordershop state inventory 0da7f630-dcf0-5f63-9bca-27cb06cc02e7 --at 1795501643-626523\n  \
        ordershop state customer 813eb7e2-2082-5544-986c-c4232442fef8 --at 2026-11-24T06:27:23Z")]
    State(state::StateArgs),
    /// Draw the live supervision tree of a running shop
    ///
    /// Each line tells a supervisor with its strategy, a process with what waits in its mailbox, or
    /// how many children by key live; then its state, how often it died, and for how long it is
    /// up. Below it stands how it failed last. Of the children by key only those are shown that
    /// failed lately or have the most to do.
    #[command(after_help = "Examples:\n  \
        ordershop tree\n  \
        ordershop tree --json | jq 'select(.restarts > 0)'")]
    Tree(tree::TreeArgs),
    /// End at once what is up at a path of a running shop's supervision tree
    ///
    /// A process is dropped where it waits next, a supervisor with all below it; their supervisor takes it
    /// as any failure, and has it begin anew. What was under way there fails or is of unknown
    /// outcome, what waited is done by the next one. It is for what hangs, and for drills.
    #[command(after_help = "Examples:\n  \
        ordershop kill services/order-service\n  \
        ordershop kill ordershop/journal\n  \
        ordershop kill entities/customers/813eb7e2-2082-5544-986c-c4232442fef8")]
    Kill(kill::KillArgs),
    /// List events that could not be handled and were set aside; try them again, or give them up
    ///
    /// An event that a subscriber (crm, billing, msg, keys or cache) cannot handle is tried a few times and then
    /// set aside, with the later events of the same entity; all others flow on. `retry` handles
    /// what is set aside of an entity in order, and stops at the first that fails again. `skip`
    /// gives the first one up; what waits behind it stays set aside until it is retried.
    #[command(args_conflicts_with_subcommands = true)]
    #[command(after_help = "Examples:\n  \
        ordershop quarantine\n  \
        ordershop quarantine retry crm customer 813eb7e2-2082-5544-986c-c4232442fef8\n  \
        ordershop quarantine skip crm customer 813eb7e2-2082-5544-986c-c4232442fef8\n  \
        ordershop quarantine --json --store embedded:./data | jq .reason")]
    Quarantine(quarantine::QuarantineArgs),
    /// Make anew what other programs read beside the log
    #[command(subcommand)]
    Rebuild(rebuild::Rebuild),
    /// Let subscribers go on that stand still because the log has lost entries
    ///
    /// When a Redis server lost what it had acknowledged, as after a failover or with an older copy of its
    /// files, crm, billing and msg handle nothing more: nobody here knows which of their mails
    /// told of what is no more. The shop's log names what was lost. `resume` has a subscriber
    /// go on with what there is, behind the last event that it had handled.
    #[command(after_help = "Examples:\n  \
        ordershop tree\n  \
        ordershop resume all")]
    Resume(resume::ResumeArgs),
    /// Check the log of a running or a stopped shop, from the last byte to the last piece in stock
    ///
    /// Every record's checksum and its place in the chain; ids, versions and unique keys; that every
    /// event replays to what its entry holds; each intent's story; and that no piece is lost or
    /// invented. A running shop checks its own log up to where it ended when it was asked, holds its index
    /// against it, and goes on meanwhile; of a log on Redis the streams and the indexes are checked.
    /// Nothing is changed. Exit code 1 says that something is wrong, and the place is told.
    #[command(after_help = "Examples:\n  \
        ordershop verify\n  \
        ordershop verify --store embedded:./data\n  \
        ordershop verify --store embedded:./backup --json | jq .checked")]
    Verify(verify::VerifyArgs),
}

/// Carries a command out.
pub fn run(ask: &Ask) -> Result<(), Exit> {
    match ask {
        Ask::Events(args) => events::run(args),
        Ask::State(args) => state::run(args),
        Ask::Tree(args) => tree::run(args),
        Ask::Kill(args) => kill::run(args),
        Ask::Quarantine(args) => quarantine::run(args),
        Ask::Rebuild(rebuild) => rebuild::run(rebuild),
        Ask::Resume(args) => resume::run(args),
        Ask::Verify(args) => verify::run(args),
    }
}
