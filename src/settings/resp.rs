//! The settings of the RESP endpoint.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;

use super::{BadValue, socket_address};

/// Where queries are answered over RESP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum RespAddress {
    /// At this address.
    At(SocketAddr),
    /// Nowhere.
    None,
}

impl FromStr for RespAddress {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        if text == "none" {
            return Ok(Self::None);
        }
        socket_address(text).map(Self::At).ok_or_else(|| BadValue {
            value: text.to_owned(),
            what: "address for RESP",
            expected: "an IP address and a port, as in `127.0.0.1:6380`, or `none`",
        })
    }
}

/// What a client must say before it is answered; nothing shows it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Password(Option<Arc<str>>);

impl Password {
    /// The password, where one is set.
    pub fn get(&self) -> Option<Arc<str>> {
        self.0.clone()
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self((!text.is_empty()).then(|| text.into()))
    }
}

impl FromStr for Password {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.to_owned().into())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Password(***)" } else { "Password(none)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_or_none_is_taken() {
        assert_eq!("none".parse(), Ok(RespAddress::None));
        let address = SocketAddr::from(([127, 0, 0, 1], 6380));
        assert_eq!("127.0.0.1:6380".parse(), Ok(RespAddress::At(address)));
        let error = "nowhere".parse::<RespAddress>().unwrap_err().to_string();
        assert!(error.contains("`nowhere` is no address for RESP"), "{error}");
    }

    #[test]
    fn a_password_is_not_shown() {
        let password = Password::from("secret".to_owned());
        assert_eq!(format!("{password:?}"), "Password(***)");
        assert_eq!(password.get().as_deref(), Some("secret"));
        assert_eq!(Password::from(String::new()).get(), None);
    }
}
