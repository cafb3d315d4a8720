//! What the whole-process tests share: the shop as a process, its clients, its mails, a scenario.

#![allow(dead_code, reason = "each test uses a part of it")]

pub(crate) mod commands;
pub(crate) mod crowd;
pub(crate) mod escaped;
pub(crate) mod fixture;
pub(crate) mod folder;
pub(crate) mod http;
pub(crate) mod keyed;
pub(crate) mod ledger;
pub(crate) mod mails;
pub(crate) mod random;
pub(crate) mod resp;
pub(crate) mod scenario;
pub(crate) mod shop;
pub(crate) mod size;
pub(crate) mod stock;
pub(crate) mod twin;
pub(crate) mod wait;

use serde_json::Value;

/// The ids in a command's answer.
pub(crate) fn ids(answer: &Value) -> Vec<String> {
    let ids = answer.as_array().unwrap_or_else(|| panic!("no array of ids: {answer}"));
    ids.iter()
        .map(|id| match id.as_str() {
            Some(id) if is_uuid(id) => id.to_owned(),
            _ => panic!("{id} is no UUID"),
        })
        .collect()
}

/// Whether a text is a UUID as JSON writes it: lower case, with hyphens.
pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(index, c)| match index {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_digit() || ('a'..='f').contains(&c),
        })
}

/// An array's elements.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no array: {value}"))
}

/// A string's text.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no string: {value}"))
}

/// A whole number.
pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("no whole number: {value}"))
}
