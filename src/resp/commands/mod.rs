//! The command table: every command in one list; a family is a file, a command a line.

#![allow(clippy::unnecessary_wraps, reason = "all commands of the table have one signature")]

mod client;
mod connection;
mod hashes;
mod hello;
mod info;
mod keys;
mod lists;
mod ordershop;
mod scan;
mod sets;
mod table;
mod transaction;
mod writes;
mod xinfo;
mod xrange;
mod xread;

use std::borrow::Cow;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};

use ordershop_actors::read_model::View;

use super::clients::Client;
use super::endpoint::Endpoint;
use super::protocol::{Output, Words};
use super::session::Session;
use super::wire::{Gone, Wire};

pub(super) use transaction::{Own, carry_out};

/// The version of Redis whose replies these are; clients choose by it what they ask.
pub(super) const REDIS_VERSION: &str = "7.0.15";
/// How many bytes the name of a command has at most.
const MAX_NAME_BYTES: usize = 32;

/// A command that clients may send.
pub(super) struct Command {
    /// Its name in small letters; that of a subcommand stands behind its container's, as `client|id`.
    pub(super) name: &'static str,
    /// How many words it has, its name included; at least as many, where this is negative.
    pub(super) arity: i32,
    /// What it is like, in Redis's words.
    pub(super) flags: &'static [&'static str],
    /// Which of its words are keys: the first, the last (from the end, where negative), the step.
    pub(super) keys: (i64, i64, i64),
    /// The family in which Redis documents it.
    pub(super) group: &'static str,
    /// The version of Redis that had it first.
    pub(super) since: &'static str,
    /// What it does, in one sentence.
    pub(super) summary: &'static str,
    /// Its arguments, as documents write them.
    pub(super) syntax: &'static str,
    /// Its subcommands.
    pub(super) subcommands: &'static [Command],
    /// What carries it out.
    pub(super) run: Run,
}

/// What carries a command out.
#[derive(Clone, Copy)]
pub(super) enum Run {
    /// At once, from what is known of the client.
    Plain(fn(&mut Call<'_>) -> Reply),
    /// At once, from a view.
    Query(fn(&mut Call<'_>, &View) -> Reply),
    /// In steps, as it may read the log, wait, or have much to say.
    Long(for<'a> fn(Task<'a>) -> LongReply<'a>),
    /// Not at all: it would change something.
    Write,
}

/// What becomes of a command that is carried out at once.
pub(super) type Reply = Result<(), Refusal>;
/// What becomes of one that is carried out in steps.
pub(super) type LongReply<'a> = Pin<Box<dyn Future<Output = Result<(), Stop>> + 'a>>;

/// A command that is carried out at once.
pub(super) struct Call<'a> {
    pub(super) words: Words<'a>,
    pub(super) endpoint: &'a Endpoint,
    pub(super) session: &'a mut Session,
    pub(super) client: &'a Client,
    pub(super) out: &'a mut Output,
}

/// A command that is carried out in steps.
pub(super) struct Task<'a> {
    pub(super) words: Words<'a>,
    pub(super) endpoint: &'a Endpoint,
    pub(super) session: &'a mut Session,
    pub(super) client: &'a Client,
    pub(super) wire: &'a mut Wire,
    /// The moment that it sees.
    pub(super) view: Arc<View>,
    /// Whether it stands for itself, so that it may wait; in a transaction none waits.
    pub(super) alone: bool,
}

/// An error reply: its code, and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal(Cow<'static, [u8]>);

/// Why a command ended without a reply of its own.
#[derive(Debug)]
pub(super) enum Stop {
    /// It was refused.
    Refused(Refusal),
    /// Its client is gone.
    Gone,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Gone> for Stop {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl Refusal {
    /// This one.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(Cow::Owned(text.into().into_bytes()))
    }

    /// This one, of whatever bytes a client sent.
    pub(super) fn of_bytes(text: Vec<u8>) -> Self {
        Self(Cow::Owned(text))
    }

    const fn fixed(text: &'static str) -> Self {
        Self(Cow::Borrowed(text.as_bytes()))
    }

    /// Its text.
    pub(super) fn text(&self) -> &[u8] {
        &self.0
    }
}

/// The key holds something else than the command is for.
pub(super) const WRONG_TYPE: Refusal =
    Refusal::fixed("WRONGTYPE Operation against a key holding the wrong kind of value");
/// The arguments are not as the command takes them.
pub(super) const SYNTAX: Refusal = Refusal::fixed("ERR syntax error");
/// An argument should be an integer.
pub(super) const NO_INTEGER: Refusal =
    Refusal::fixed("ERR value is not an integer or out of range");
/// Nothing is changed over this endpoint.
pub(super) const READ_ONLY: Refusal =
    Refusal::fixed("READONLY You can't write against a read only replica.");
/// The client has not said who it is.
pub(super) const NO_AUTH: Refusal = Refusal::fixed("NOAUTH Authentication required.");

/// A command of which all but name, arity and what carries it out is still to be said.
const fn command(name: &'static str, arity: i32, run: Run) -> Command {
    Command {
        name,
        arity,
        flags: &[],
        keys: (0, 0, 0),
        group: "generic",
        since: "1.0.0",
        summary: "",
        syntax: "",
        subcommands: &[],
        run,
    }
}

/// What a command is like that only reads, in no time that grows with what it reads, or in one that does.
const READ_FAST: &[&str] = &["readonly", "fast"];
const READ: &[&str] = &["readonly"];

/// A command of that family that reads what is at a key, its first argument.
const fn of_key(group: &'static str, name: &'static str, arity: i32, run: Run) -> Command {
    Command { flags: READ, keys: (1, 1, 1), group, ..command(name, arity, run) }
}

/// Every family.
static FAMILIES: [&[Command]; 16] = [
    connection::COMMANDS,
    hello::COMMANDS,
    client::COMMANDS,
    table::COMMANDS,
    info::COMMANDS,
    keys::COMMANDS,
    scan::COMMANDS,
    sets::COMMANDS,
    hashes::COMMANDS,
    lists::COMMANDS,
    xrange::COMMANDS,
    xread::COMMANDS,
    xinfo::COMMANDS,
    transaction::COMMANDS,
    ordershop::COMMANDS,
    writes::COMMANDS,
];

/// Every command by its name.
static BY_NAME: LazyLock<HashMap<&'static [u8], &'static Command>> = LazyLock::new(|| {
    let commands = FAMILIES.iter().flat_map(|family| family.iter());
    commands.map(|command| (command.name.as_bytes(), command)).collect()
});

/// The commands that change nothing, by family.
pub(super) fn readable() -> impl Iterator<Item = &'static Command> {
    FAMILIES.iter().take(FAMILIES.len() - 1).flat_map(|family| family.iter())
}

/// The command of that name, in letters of any case.
pub(super) fn named(name: &[u8]) -> Option<&'static Command> {
    let mut small = [0; MAX_NAME_BYTES];
    let small = small.get_mut(..name.len())?;
    small.copy_from_slice(name);
    small.make_ascii_lowercase();
    BY_NAME.get(&*small).copied()
}

/// The command that these words are, with as many words as it takes.
pub(super) fn find(words: Words<'_>) -> Result<&'static Command, Refusal> {
    let Some(mut command) = named(words.get(0)) else {
        return Err(unknown(words));
    };
    if !command.subcommands.is_empty() && words.len() > 1 {
        let wanted = words.get(1);
        let subcommand = command.subcommands.iter().find(|subcommand| {
            let name = subcommand.name.split_once('|').map_or("", |(_, name)| name);
            name.as_bytes().eq_ignore_ascii_case(wanted)
        });
        command = subcommand.ok_or_else(|| unknown_subcommand(command, wanted))?;
    }
    let words = i32::try_from(words.len()).unwrap_or(i32::MAX);
    if (command.arity > 0 && words != command.arity) || words < -command.arity {
        let name = command.name;
        return Err(Refusal::new(format!("ERR wrong number of arguments for '{name}' command")));
    }
    Ok(command)
}

/// How many bytes of a client's words an error repeats.
const SHOWN_BYTES: usize = 128;

fn unknown(words: Words<'_>) -> Refusal {
    let mut text = b"ERR unknown command '".to_vec();
    text.extend_from_slice(shown(words.get(0), SHOWN_BYTES));
    text.extend_from_slice(b"', with args beginning with: ");
    let start = text.len();
    for word in words.iter().skip(1) {
        let used = text.len() - start;
        if used >= SHOWN_BYTES {
            break;
        }
        text.push(b'\'');
        text.extend_from_slice(shown(word, SHOWN_BYTES - used));
        text.extend_from_slice(b"' ");
    }
    Refusal::of_bytes(text)
}

fn unknown_subcommand(command: &Command, wanted: &[u8]) -> Refusal {
    let mut text = b"ERR unknown subcommand '".to_vec();
    text.extend_from_slice(shown(wanted, SHOWN_BYTES));
    text.extend_from_slice(b"'. Try ");
    text.extend_from_slice(command.name.to_ascii_uppercase().as_bytes());
    text.extend_from_slice(b" HELP.");
    Refusal::of_bytes(text)
}

/// As much of a word as an error repeats: as in C, it ends where a zero byte stands.
fn shown(word: &[u8], most: usize) -> &[u8] {
    let end = word.iter().position(|byte| *byte == 0).unwrap_or(word.len());
    &word[..end.min(most)]
}

/// The integer that a word is.
fn integer(word: &[u8]) -> Result<i64, Refusal> {
    super::protocol::integer(word).ok_or(NO_INTEGER)
}

/// Whether a word is that one, in letters of any case.
fn is(word: &[u8], wanted: &str) -> bool {
    word.eq_ignore_ascii_case(wanted.as_bytes())
}
