//! The RESP commands that tests send, kept a line each in tests/corpus/commands.
//!
//! `@` stands for a key, and what begins with `%` for what the test has made.

use std::collections::BTreeSet;

/// Each command that takes a key, with arguments that fit some of its uses.
pub(crate) const OF_A_KEY: &str = include_str!("../corpus/commands/of_a_key");

/// Keys of every type, one that there is not, and some that never are.
pub(crate) const KEYS: &str = include_str!("../corpus/commands/keys");

/// Whatever else there is to say.
pub(crate) const OTHERS: &str = include_str!("../corpus/commands/others");

/// Commands that would write, each with more and with fewer arguments than it takes.
pub(crate) const WRITES: &str = include_str!("../corpus/commands/writes");

/// Bytes that are no well-formed command, or several.
pub(crate) const RAW: &str = include_str!("../corpus/commands/raw");

/// All that stands in them as it is meant, each word once: names of commands, options, keys, numbers.
pub(crate) fn words() -> Vec<&'static str> {
    let words = [OF_A_KEY, KEYS, OTHERS].into_iter().flat_map(str::split_whitespace);
    let words: BTreeSet<_> = words.filter(|word| !word.contains(['%', '@'])).collect();
    assert!(words.len() > 100, "{} words are kept", words.len());
    words.into_iter().collect()
}
