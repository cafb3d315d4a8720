//! The one place that knows how values become bytes: a format number, then bincode.
//!
//! What only we read (the embedded log's records, snapshots, cursors) is written so; what other
//! programs read is JSON text. bincode 2 is used with its *legacy* layout, integers of fixed width
//! and little-endian: other crates (bincode 1, wincode) write the very same bytes, so that this
//! file is all that changes if bincode has to go. Types written through here must not use serde's
//! `flatten`, `tag`, `untagged` or `skip`, which a format without field names cannot carry.

use std::error::Error;

use bincode::config::{self, Configuration, Fixint, Limit, LittleEndian};
use serde::{Deserialize, Serialize};

/// The most bytes that one value may have; a longer one is refused before anything is allocated.
pub const DECODE_LIMIT_BYTES: usize = 64 * 1024 * 1024;

const CONFIG: Configuration<LittleEndian, Fixint, Limit<DECODE_LIMIT_BYTES>> =
    config::legacy().with_limit::<DECODE_LIMIT_BYTES>();

/// The number that stands before a value's bytes and says which type they hold, in which shape.
///
/// Whoever changes a stored type takes the next number, and keeps reading the old ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format(u8);

impl Format {
    /// The format of that number.
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The format in which these bytes were written.
    pub fn of(bytes: &[u8]) -> Result<Self, CodecError> {
        bytes.first().copied().map(Self).ok_or(CodecError::Empty)
    }
}

/// Bytes that are no value of the expected type.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// There is not even a format number.
    #[error("there are no bytes")]
    Empty,
    /// The format number is another than the expected one.
    #[error("the format is {found}, expected was {expected}")]
    Format {
        /// The number that was expected.
        expected: u8,
        /// The number that stands there.
        found: u8,
    },
    /// There are more bytes than any value has.
    #[error("{0} bytes are more than a value may have")]
    TooLong(usize),
    /// The bytes do not hold a value of the type.
    #[error("the bytes hold no such value")]
    Malformed(#[source] Box<dyn Error + Send + Sync>),
    /// The value ends before its bytes do.
    #[error("{0} bytes are left over behind the value")]
    Trailing(usize),
}

/// The bytes of `value`, led by the number of `format`.
pub fn encode<T: Serialize + ?Sized>(format: Format, value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_into(&mut bytes, format, value);
    bytes
}

/// Appends the bytes of `value`, led by the number of `format`, to `bytes`.
pub fn encode_into<T: Serialize + ?Sized>(bytes: &mut Vec<u8>, format: Format, value: &T) {
    bytes.push(format.number());
    bincode::serde::encode_into_std_write(value, bytes, CONFIG)
        .expect("memory takes every byte, and the types written here know their lengths");
}

/// The value that `bytes`, written in `format`, hold; it may borrow from them.
pub fn decode<'a, T: Deserialize<'a>>(format: Format, bytes: &'a [u8]) -> Result<T, CodecError> {
    let found = Format::of(bytes)?;
    if found != format {
        return Err(CodecError::Format { expected: format.number(), found: found.number() });
    }
    if bytes.len() > DECODE_LIMIT_BYTES {
        return Err(CodecError::TooLong(bytes.len()));
    }
    let body = &bytes[1..];
    let (value, read) = bincode::serde::borrow_decode_from_slice(body, CONFIG)
        .map_err(|error| CodecError::Malformed(Box::new(error)))?;
    match body.len() - read {
        0 => Ok(value),
        left_over => Err(CodecError::Trailing(left_over)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORMAT: Format = Format::new(7);

    proptest! {
        #[test]
        fn bytes_and_back(value: (u64, Option<i32>, Vec<String>, [u8; 16])) {
            let bytes = encode(FORMAT, &value);
            prop_assert_eq!(bytes[0], 7);
            let back: (u64, Option<i32>, Vec<String>, [u8; 16]) = decode(FORMAT, &bytes).unwrap();
            prop_assert_eq!(back, value);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = decode::<(Vec<String>, Option<u64>)>(FORMAT, &bytes);
        }
    }

    #[test]
    fn a_value_may_borrow_from_its_bytes() {
        let bytes = encode(FORMAT, "text");
        assert_eq!(decode::<&str>(FORMAT, &bytes).unwrap(), "text");
    }

    #[test]
    fn what_is_no_such_value_is_refused() {
        let mut bytes = encode(FORMAT, &1_u32);
        assert!(matches!(decode::<u32>(FORMAT, &[]), Err(CodecError::Empty)));
        assert!(matches!(
            decode::<u32>(Format::new(8), &bytes),
            Err(CodecError::Format { expected: 8, found: 7 })
        ));
        assert!(matches!(decode::<u64>(FORMAT, &bytes), Err(CodecError::Malformed(_))));
        bytes.push(0);
        assert!(matches!(decode::<u32>(FORMAT, &bytes), Err(CodecError::Trailing(1))));
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_it_is_allocated() {
        let mut bytes = vec![FORMAT.number()];
        bytes.extend_from_slice(&u64::MAX.to_le_bytes());
        assert!(matches!(decode::<String>(FORMAT, &bytes), Err(CodecError::Malformed(_))));
    }
}
