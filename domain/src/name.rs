//! The name of a customer or a product.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A name: 1 to 200 characters, none of them a control character.
///
/// Names go into mails, where a line break could begin a header or a sentence of somebody else's.
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
        match text.chars().position(char::is_control) {
            Some(index) => Err(InvalidName::Control { position: index + 1 }),
            None => Ok(Self(text)),
        }
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
    /// A character is invisible and may steer whatever shows the name.
    #[error("a name holds no control characters, but character {position} is one")]
    Control {
        /// Which one, counted from 1.
        position: usize,
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
    fn a_name_holds_no_control_characters() {
        for bad in ["a\nb", "a\rb", "a\0b", "a\u{7f}b", "a\u{85}b"] {
            assert_eq!(Name::new(bad), Err(InvalidName::Control { position: 2 }), "{bad:?}");
        }
        assert!(Name::new("Zoë O’Neil, 3rd <x>").is_ok());
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let error = serde_json::from_str::<Name>(&format!("\"{}\"", "x".repeat(300))).unwrap_err();
        assert!(error.to_string().contains("at most 200 characters, this one has 300"), "{error}");
        assert!(serde_json::from_str::<Name>("7").is_err());
    }
}
