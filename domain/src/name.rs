//! The name of a customer or a product.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A name: 1 to 200 characters.
///
/// Any characters; where a name is shown to people, [`Name::shown`] keeps it on its line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// The most characters that a name may have; characters, not bytes.
    pub const MAX_CHARS: usize = 200;

    /// The name of that text, kept as given.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidName> {
        let text = text.into();
        if text.is_empty() {
            return Err(InvalidName::Empty);
        }
        let chars = text.chars().count();
        if chars > Self::MAX_CHARS {
            return Err(InvalidName::TooLong { chars });
        }
        Ok(Self(text))
    }

    /// The name as a mail shows it: a control character, which could begin a line of somebody
    /// else's, becomes a space.
    pub fn shown(&self) -> String {
        self.0.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that cannot be a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// There is nothing.
    #[error("a name needs at least one character")]
    Empty,
    /// There is too much.
    #[error("a name has at most {max} characters, this one has {chars}", max = Name::MAX_CHARS)]
    TooLong {
        /// How many characters it has.
        chars: usize,
    },
}

impl TryFrom<String> for Name {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(text)
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_1_to_200_characters_not_bytes() {
        assert_eq!(Name::new(""), Err(InvalidName::Empty));
        assert!(Name::new("ß".repeat(200)).is_ok());
        assert_eq!(Name::new("ß".repeat(201)), Err(InvalidName::TooLong { chars: 201 }));
    }

    #[test]
    fn a_name_is_shown_on_one_line() {
        assert_eq!(Name::new("Ann\r\nBob").unwrap().shown(), "Ann  Bob");
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let error = serde_json::from_str::<Name>(&format!("\"{}\"", "x".repeat(300))).unwrap_err();
        assert!(error.to_string().contains("at most 200 characters, this one has 300"), "{error}");
        assert!(serde_json::from_str::<Name>("7").is_err());
    }
}
