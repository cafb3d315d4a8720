//! The mailbox to which a customer's mail goes.

use std::fmt;
use std::str::FromStr;

use email_address::{EmailAddress, Options};
use serde::{Deserialize, Serialize};

/// A mailbox: a bare address (`ann@example.org`) or one behind a display name
/// (`Ann Lee <ann@example.org>`).
///
/// The text is kept as given; [`Mailbox::address`] gives what a mail server needs. The grammar is
/// that of RFC 5322 and RFC 6531 as the `email_address` crate reads it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mailbox(String);

impl Mailbox {
    /// The most characters of the whole text, display name included.
    pub const MAX_CHARS: usize = 500;
    /// The most bytes of the bare address: what fits a path of RFC 5321, section 4.5.3.1.3.
    pub const MAX_ADDRESS_BYTES: usize = 254;

    /// The mailbox of that text.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidMailbox> {
        let text = text.into();
        let chars = text.chars().count();
        if chars > Self::MAX_CHARS {
            return Err(InvalidMailbox::TooLong { chars });
        }
        if let Some(index) = text.chars().position(char::is_control) {
            return Err(InvalidMailbox::Control { position: index + 1 });
        }
        let bytes = parse(&text)?.email().len();
        if bytes > Self::MAX_ADDRESS_BYTES {
            return Err(InvalidMailbox::AddressTooLong { bytes });
        }
        Ok(Self(text))
    }

    /// The bare address, without the display name.
    pub fn address(&self) -> String {
        // The text was parsed when this mailbox was made; should a later version of the parser
        // refuse it, then the text itself is the best that can be said.
        parse(&self.0).map_or_else(|_| self.0.clone(), |address| address.email())
    }

    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn parse(text: &str) -> Result<EmailAddress, email_address::Error> {
    EmailAddress::parse_with_options(text, Options::default().with_display_text())
}

/// A text that cannot be a mailbox.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InvalidMailbox {
    /// There is too much.
    #[error("a mailbox has at most {max} characters, this one has {chars}", max = Mailbox::MAX_CHARS)]
    TooLong {
        /// How many characters it has.
        chars: usize,
    },
    /// The address itself is too long for any mail server.
    #[error(
        "the address in a mailbox has at most {max} bytes, this one has {bytes}",
        max = Mailbox::MAX_ADDRESS_BYTES
    )]
    AddressTooLong {
        /// How many bytes it has.
        bytes: usize,
    },
    /// A character is invisible and could begin another header of the mail.
    #[error("a mailbox holds no control characters, but character {position} is one")]
    Control {
        /// Which one, counted from 1.
        position: usize,
    },
    /// It has not the form of a mailbox.
    #[error("not a mailbox such as `ann@example.org` or `Ann Lee <ann@example.org>`: {0}")]
    Malformed(#[from] email_address::Error),
}

impl TryFrom<String> for Mailbox {
    type Error = InvalidMailbox;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(text)
    }
}

impl FromStr for Mailbox {
    type Err = InvalidMailbox;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl From<Mailbox> for String {
    fn from(mailbox: Mailbox) -> Self {
        mailbox.0
    }
}

impl AsRef<str> for Mailbox {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_kept_as_given_and_give_the_bare_address() {
        for text in ["ann@example.org", "Ann Lee <ann@example.org>", "Ann <ann@example.org> "] {
            let mailbox = Mailbox::new(text).unwrap();
            assert_eq!(mailbox.as_str(), text);
            assert_eq!(mailbox.address(), "ann@example.org");
        }
        assert_eq!(Mailbox::new("\"a b\"@localhost").unwrap().address(), "\"a b\"@localhost");
    }

    #[test]
    fn what_is_no_mailbox_is_refused() {
        for bad in ["", "ann", "@", "ann@", "@example.org", "a b@example.org", "Ann <ann@x", " <"] {
            assert!(matches!(Mailbox::new(bad), Err(InvalidMailbox::Malformed(_))), "{bad:?}");
        }
        let two = "ann@example.org, bob@example.org";
        assert!(Mailbox::new(two).is_err(), "one mailbox, not a list");
    }

    #[test]
    fn a_mailbox_begins_no_other_header() {
        let bad = "Ann\r\nBcc: all <ann@example.org>";
        assert_eq!(Mailbox::new(bad), Err(InvalidMailbox::Control { position: 4 }));
    }

    #[test]
    fn a_mailbox_has_limits() {
        let long = format!("{} <ann@example.org>", "x".repeat(500));
        assert!(matches!(Mailbox::new(long), Err(InvalidMailbox::TooLong { .. })));
        let domain = vec!["x".repeat(60); 4].join(".");
        let address = format!("{}@{domain}", "y".repeat(20));
        assert_eq!(Mailbox::new(address), Err(InvalidMailbox::AddressTooLong { bytes: 264 }));
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let error = serde_json::from_str::<Mailbox>("\"ann\"").unwrap_err();
        assert!(error.to_string().starts_with("not a mailbox such as"), "{error}");
    }
}
