//! Commands out of the bytes that a client sent, as they come.

use std::ops::Range;

use super::super::limits::{
    MAX_ARGUMENTS, MAX_BULK_BYTES, MAX_COMMAND_BYTES, MAX_LINE_BYTES,
    MAX_UNAUTHENTICATED_ARGUMENTS, MAX_UNAUTHENTICATED_BULK_BYTES,
};
use super::{integer, split_line};

/// Bytes that are no command; the connection cannot go on behind them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ERR Protocol error: {0}")]
pub(crate) struct ProtocolError(String);

/// Reads commands; what it has read of an unfinished one is not read again.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    /// How many bytes of the unfinished command are read.
    read: usize,
    /// How many arguments are missing, within a command that is an array.
    missing: Option<usize>,
    /// How many bytes the argument has whose head is read.
    bulk: Option<usize>,
    /// Where the arguments stand.
    arguments: Vec<Range<usize>>,
    /// The words of an inline command, one behind the other.
    words: Vec<u8>,
}

/// A command: its name and its arguments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words<'a> {
    bytes: &'a [u8],
    spans: &'a [Range<usize>],
}

impl<'a> Words<'a> {
    /// How many words there are, the name included.
    pub(crate) fn len(self) -> usize {
        self.spans.len()
    }

    /// The word at that index; empty where there is none.
    pub(crate) fn get(self, index: usize) -> &'a [u8] {
        self.spans.get(index).and_then(|span| self.bytes.get(span.clone())).unwrap_or_default()
    }

    /// All words.
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        self.spans.iter().map(move |span| &self.bytes[span.clone()])
    }
}

/// What stands at the beginning of the bytes.
#[derive(Debug)]
pub(crate) enum Parsed<'a> {
    /// A command, and how many bytes it took; it has no words where there was nothing in it.
    Command(Words<'a>, usize),
    /// The beginning of one.
    Unfinished,
}

impl Parser {
    /// Reads the command at the beginning of `bytes`; unfinished ones must come again with more.
    pub(crate) fn read<'a>(
        &'a mut self,
        bytes: &'a [u8],
        authenticated: bool,
    ) -> Result<Parsed<'a>, ProtocolError> {
        if self.read == 0 {
            self.arguments.clear();
            self.words.clear();
        }
        let finished = match (self.missing, bytes.first()) {
            (None, None) => return Ok(Parsed::Unfinished),
            (None, Some(b'*')) => self.array_head(bytes, authenticated)?,
            (None, Some(_)) => return self.inline(bytes),
            (Some(_), _) => true,
        };
        if !finished || !self.array_elements(bytes, authenticated)? {
            return Ok(Parsed::Unfinished);
        }
        let taken = std::mem::take(&mut self.read);
        self.missing = None;
        Ok(Parsed::Command(Words { bytes, spans: &self.arguments }, taken))
    }

    /// Reads `*N`; whether it is whole.
    fn array_head(&mut self, bytes: &[u8], authenticated: bool) -> Result<bool, ProtocolError> {
        let Some(line) = self.line(bytes, "too big mbulk count string")? else {
            return Ok(false);
        };
        let limit = if authenticated { MAX_ARGUMENTS } else { MAX_UNAUTHENTICATED_ARGUMENTS };
        let count = integer(&line[1..]).filter(|count| i32::try_from(*count).is_ok());
        let count = count.ok_or_else(|| error("invalid multibulk length"))?;
        let count = usize::try_from(count).unwrap_or(0);
        if count > MAX_ARGUMENTS {
            return Err(error("invalid multibulk length"));
        }
        if count > limit {
            return Err(error("unauthenticated multibulk length"));
        }
        self.missing = Some(count);
        Ok(true)
    }

    /// Reads arguments as far as they go; whether all are there.
    fn array_elements(&mut self, bytes: &[u8], authenticated: bool) -> Result<bool, ProtocolError> {
        while let Some(missing @ 1..) = self.missing {
            let bulk = if let Some(bulk) = self.bulk {
                bulk
            } else {
                let Some(bulk) = self.bulk_head(bytes, authenticated)? else {
                    return Ok(false);
                };
                bulk
            };
            let end = self.read + bulk + 2;
            if end > MAX_COMMAND_BYTES {
                return Err(error("too big request"));
            }
            if bytes.len() < end {
                self.bulk = Some(bulk);
                return Ok(false);
            }
            self.arguments.push(self.read..self.read + bulk);
            self.read = end;
            self.bulk = None;
            self.missing = Some(missing - 1);
        }
        Ok(true)
    }

    /// Reads `$N`; `None` where it is not whole.
    fn bulk_head(
        &mut self,
        bytes: &[u8],
        authenticated: bool,
    ) -> Result<Option<usize>, ProtocolError> {
        let start = self.read;
        let Some(line) = self.line(bytes, "too big bulk count string")? else {
            return Ok(None);
        };
        let [b'$', digits @ ..] = line else {
            let found = bytes.get(start).copied().unwrap_or_default();
            // A line end would break the error's own line.
            let found = if matches!(found, b'\r' | b'\n') { b' ' } else { found };
            return Err(ProtocolError(format!("expected '$', got '{}'", char::from(found))));
        };
        let bulk = integer(digits).and_then(|bulk| usize::try_from(bulk).ok());
        let bulk = bulk.filter(|bulk| *bulk <= MAX_BULK_BYTES);
        let bulk = bulk.ok_or_else(|| error("invalid bulk length"))?;
        if bulk > MAX_UNAUTHENTICATED_BULK_BYTES && !authenticated {
            return Err(error("unauthenticated bulk length"));
        }
        Ok(Some(bulk))
    }

    /// Reads the next line without its end, which is `\r` and any byte, as in Redis.
    fn line<'a>(
        &mut self,
        bytes: &'a [u8],
        too_long: &str,
    ) -> Result<Option<&'a [u8]>, ProtocolError> {
        let rest = bytes.get(self.read..).unwrap_or_default();
        let Some(end) = rest.iter().position(|byte| *byte == b'\r') else {
            if rest.len() > MAX_LINE_BYTES {
                return Err(error(too_long));
            }
            return Ok(None);
        };
        if rest.len() < end + 2 {
            return Ok(None);
        }
        self.read += end + 2;
        Ok(Some(&rest[..end]))
    }

    /// Reads a command that is a line.
    fn inline<'a>(&'a mut self, bytes: &'a [u8]) -> Result<Parsed<'a>, ProtocolError> {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            if bytes.len() > MAX_LINE_BYTES {
                return Err(error("too big inline request"));
            }
            return Ok(Parsed::Unfinished);
        };
        let line = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]);
        if line.len() > MAX_COMMAND_BYTES {
            return Err(error("too big inline request"));
        }
        let words = split_line(line).ok_or_else(|| error("unbalanced quotes in request"))?;
        for word in words {
            let start = self.words.len();
            self.words.extend_from_slice(&word);
            self.arguments.push(start..self.words.len());
        }
        Ok(Parsed::Command(Words { bytes: &self.words, spans: &self.arguments }, end + 1))
    }
}

fn error(text: &str) -> ProtocolError {
    ProtocolError(text.to_owned())
}

/// Words that were read before, as a transaction keeps them.
#[derive(Clone, Debug)]
pub(crate) struct OwnedWords {
    bytes: Box<[u8]>,
    spans: Box<[Range<usize>]>,
}

impl OwnedWords {
    /// A copy.
    pub(crate) fn of(words: Words<'_>) -> Self {
        let mut bytes = Vec::new();
        let spans = words.iter().map(|word| {
            let start = bytes.len();
            bytes.extend_from_slice(word);
            start..bytes.len()
        });
        let spans = spans.collect();
        Self { bytes: bytes.into(), spans }
    }

    /// The words.
    pub(crate) fn words(&self) -> Words<'_> {
        Words { bytes: &self.bytes, spans: &self.spans }
    }

    /// About how many bytes they take.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() + size_of_val(&*self.spans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All commands in the bytes, which come in pieces of that size, and how it ended.
    fn commands(bytes: &[u8], piece: usize) -> (Vec<Vec<Vec<u8>>>, Option<ProtocolError>) {
        let (mut parser, mut buffer, mut found) = (Parser::default(), Vec::new(), Vec::new());
        for piece in bytes.chunks(piece) {
            buffer.extend_from_slice(piece);
            loop {
                match parser.read(&buffer, true) {
                    Ok(Parsed::Command(words, taken)) => {
                        found.push(words.iter().map(<[u8]>::to_vec).collect());
                        buffer.drain(..taken);
                    }
                    Ok(Parsed::Unfinished) => break,
                    Err(error) => return (found, Some(error)),
                }
            }
        }
        (found, None)
    }

    #[test]
    fn commands_are_the_same_in_pieces_of_any_size() {
        let bytes = b"*2\r\n$4\r\nECHO\r\n$3\r\na\r\n\r\n*0\r\nPING  \"a b\"\r\n\r\n*-1\r\n*1\r\n$0\r\n\r\n";
        let (whole, error) = commands(bytes, bytes.len());
        assert_eq!(error, None);
        let empty: Vec<Vec<u8>> = vec![];
        let echo = vec![b"ECHO".to_vec(), b"a\r\n".to_vec()];
        let ping = vec![b"PING".to_vec(), b"a b".to_vec()];
        let expected = [echo, empty.clone(), ping, empty.clone(), empty, vec![vec![]]];
        assert_eq!(whole, expected);
        for piece in 1..bytes.len() {
            assert_eq!(commands(bytes, piece), (whole.clone(), None), "{piece}");
        }
    }

    #[test]
    fn what_is_no_command_is_named_as_redis_does() {
        for (bytes, text) in [
            (&b"*x\r\n"[..], "invalid multibulk length"),
            (b"*1\r\n+\r\n", "expected '$', got '+'"),
            (b"*1\r\n$-1\r\n", "invalid bulk length"),
            (b"*1\r\n$9999999999\r\n", "invalid bulk length"),
            (b"*70000\r\n", "invalid multibulk length"),
            (b"PING \"\r\n", "unbalanced quotes in request"),
        ] {
            let (found, error) = commands(bytes, bytes.len());
            assert_eq!(found.len(), 0, "{text}");
            assert_eq!(error.unwrap().to_string(), format!("ERR Protocol error: {text}"));
        }
        let long = vec![b'x'; MAX_LINE_BYTES + 1];
        let (_, error) = commands(&long, 1_000);
        assert_eq!(error.unwrap().to_string(), "ERR Protocol error: too big inline request");
    }

    #[test]
    fn a_command_of_more_bytes_than_one_may_have_is_refused() {
        let mut bytes = b"*10\r\n".to_vec();
        for _ in 0..10 {
            bytes.extend_from_slice(format!("${MAX_BULK_BYTES}\r\n").as_bytes());
            bytes.extend(std::iter::repeat_n(b'x', MAX_BULK_BYTES));
            bytes.extend_from_slice(b"\r\n");
        }
        let (_, error) = commands(&bytes, 60_000);
        assert_eq!(error.unwrap().to_string(), "ERR Protocol error: too big request");
    }
}
