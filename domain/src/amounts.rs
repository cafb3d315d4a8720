//! Whole numbers of euros and of pieces.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// The largest amount: 2^53 − 1, the largest integer that every JSON reader keeps exact.
const LIMIT: u64 = (1 << 53) - 1;

/// A price or a sum in whole euros, at most [`Euros::MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Euros(u64);

/// A number of pieces, at most [`Pieces::MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Pieces(u64);

/// A number that cannot be an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is too large: the limit is {LIMIT}")]
pub struct TooLarge(pub u64);

impl Euros {
    /// The largest amount: 2^53 − 1.
    pub const MAX: u64 = LIMIT;

    /// So many euros.
    pub const fn new(euros: u64) -> Result<Self, TooLarge> {
        if euros > LIMIT { Err(TooLarge(euros)) } else { Ok(Self(euros)) }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl Pieces {
    /// The largest amount: 2^53 − 1.
    pub const MAX: u64 = LIMIT;

    /// So many pieces.
    pub const fn new(pieces: u64) -> Result<Self, TooLarge> {
        if pieces > LIMIT { Err(TooLarge(pieces)) } else { Ok(Self(pieces)) }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl TryFrom<u64> for Euros {
    type Error = TooLarge;

    fn try_from(euros: u64) -> Result<Self, Self::Error> {
        Self::new(euros)
    }
}

impl TryFrom<u64> for Pieces {
    type Error = TooLarge;

    fn try_from(pieces: u64) -> Result<Self, Self::Error> {
        Self::new(pieces)
    }
}

impl From<Euros> for u64 {
    fn from(euros: Euros) -> Self {
        euros.0
    }
}

impl From<Pieces> for u64 {
    fn from(pieces: Pieces) -> Self {
        pieces.0
    }
}

impl fmt::Display for Euros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Euros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(Amount).map(Self)
    }
}

impl<'de> Deserialize<'de> for Pieces {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(Amount).map(Self)
    }
}

/// Reads an amount from whatever kind of number the reader found, so that the error can say what
/// is wrong with it instead of naming a machine type.
struct Amount;

impl Visitor<'_> for Amount {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from 0 to {LIMIT}")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        if number > LIMIT { Err(E::custom(TooLarge(number))) } else { Ok(number) }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::custom(format_args!("{number} is negative: the least is 0"))),
        }
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<u64, E> {
        if number < 0.0 {
            Err(E::custom(format_args!("{number} is negative: the least is 0")))
        } else if number.fract() != 0.0 {
            Err(E::custom(format_args!("{number} is not a whole number")))
        } else if number >= 9_007_199_254_740_992.0 {
            Err(E::custom(format_args!("{number} is too large: the limit is {LIMIT}")))
        } else {
            Err(E::custom("a whole number is written without a decimal point or an exponent"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(json: &str) -> String {
        let euros = serde_json::from_str::<Euros>(json).unwrap_err().to_string();
        let pieces = serde_json::from_str::<Pieces>(json).unwrap_err().to_string();
        assert_eq!(euros, pieces);
        euros
    }

    #[test]
    fn amounts_are_plain_integers_in_json() {
        let euros: Euros = serde_json::from_str("9007199254740991").unwrap();
        assert_eq!(euros.get(), Euros::MAX);
        assert_eq!(serde_json::to_string(&euros).unwrap(), "9007199254740991");
        let pieces: Pieces = serde_json::from_value(serde_json::json!(0)).unwrap();
        assert_eq!(pieces, Pieces::default());
    }

    #[test]
    fn errors_say_what_is_wrong() {
        assert!(refusal("-1").starts_with("-1 is negative: the least is 0"));
        assert!(refusal("1.5").starts_with("1.5 is not a whole number"));
        assert!(refusal("-0.5").starts_with("-0.5 is negative"));
        assert!(refusal("2.0").contains("without a decimal point"));
        assert!(refusal("1e3").contains("without a decimal point"));
        for large in ["9007199254740992", "18446744073709551615", "18446744073709551616", "1e300"] {
            assert!(refusal(large).contains("too large: the limit is 9007199254740991"), "{large}");
        }
        assert!(refusal("\"5\"").contains("expected a whole number from 0 to 9007199254740991"));
        assert!(refusal("null").contains("expected a whole number"));
    }

    #[test]
    fn construction_keeps_the_limit() {
        assert!(Pieces::new(Pieces::MAX).is_ok());
        assert_eq!(Pieces::new(Pieces::MAX + 1), Err(TooLarge(Pieces::MAX + 1)));
        assert_eq!(Euros::try_from(u64::MAX), Err(TooLarge(u64::MAX)));
    }
}
