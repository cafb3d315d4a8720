//! RESP2 and RESP3 as a server speaks them: requests in, replies out.
//!
//! Requests are read by code of our own: no library gives the error texts, the inline commands and
//! the limits before authentication that clients know from Redis.
//!
//! Source: <https://redis.io/docs/latest/develop/reference/protocol-spec/>; `networking.c` and
//! `util.c` of Redis 7.0.

mod encode;
mod glob;
mod inline;
mod numbers;
mod parse;

pub(crate) use encode::{Output, Version};
pub(crate) use glob::Glob;
pub(crate) use inline::split_line;
pub(crate) use numbers::{integer, unsigned};
pub(crate) use parse::{OwnedWords, Parsed, Parser, Words};
