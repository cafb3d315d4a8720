//! Where the event log is kept, as settings name it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;

use super::BadValue;

/// Where the event log is kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum StoreUrl {
    /// A log in a folder of this machine.
    Embedded(PathBuf),
    /// Streams on a Redis server.
    Redis(RedisUrl),
}

/// The address of a Redis server, perhaps with a password, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

impl RedisUrl {
    /// The whole address, for whoever connects.
    pub fn with_password(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or_default();
        match rest.rsplit_once('@') {
            None => write!(f, "{scheme}://{rest}"),
            Some((who, place)) => {
                let user = who.split_once(':').map_or("", |(user, _)| user);
                write!(f, "{scheme}://{user}:***@{place}")
            }
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for StoreUrl {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        match text.split_once(':') {
            Some(("embedded", folder)) if !folder.is_empty() => Ok(Self::Embedded(folder.into())),
            Some(("redis" | "rediss", rest))
                if rest.strip_prefix("//").is_some_and(|place| !place.is_empty()) =>
            {
                Ok(Self::Redis(RedisUrl(text.to_owned())))
            }
            _ => Err(BadValue {
                value: text.to_owned(),
                what: "store",
                expected: "`embedded:FOLDER`, as in `embedded:./data`, or `redis://HOST:PORT`",
            }),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(folder) => write!(f, "embedded:{}", folder.display()),
            Self::Redis(url) => url.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        for (text, shown) in [
            ("redis://localhost", "redis://localhost"),
            ("redis://:secret@h:1/2", "redis://:***@h:1/2"),
            ("rediss://shop:s@cret@h:1", "rediss://shop:***@h:1"),
        ] {
            let url: StoreUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("cret"));
        }
    }
}
