//! The settings: one definition for the command line, the environment, the file and its template.
//!
//! A flag wins over the environment, the environment over the file, the file over the default.

mod resp;
mod store;

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use confique::{Config, File, FileFormat, Layer};
use serde::Deserialize;

use crate::exit::Exit;

pub use resp::{Password, RespAddress};
pub use store::{RedisUrl, StoreUrl};

/// Everything that can be set.
#[derive(Clone, Debug, Config)]
#[config(layer_attr(derive(Clone, Debug, clap::Args)))]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub struct Settings {
    /// Where the event log is kept: `embedded:FOLDER`, a log in a folder of this machine, or
    /// `redis://[USER:PASSWORD@]HOST[:PORT][/DB]` (with TLS: `rediss://…`), Redis Streams shared with
    /// whoever else is there
    #[config(
        env = "ORDERSHOP_STORE",
        default = "embedded:./data",
        layer_attr(arg(long, value_name = "STORE"))
    )]
    pub store: StoreUrl,

    /// The address for HTTP; port 0 takes any free one
    #[config(
        env = "ORDERSHOP_HTTP",
        default = "127.0.0.1:5000",
        layer_attr(arg(long, value_name = "ADDRESS"))
    )]
    pub http: HttpAddress,

    /// The address for queries over RESP, for any Redis client; port 0 takes any free one, `none`
    /// answers none
    #[config(
        env = "ORDERSHOP_RESP",
        default = "127.0.0.1:6380",
        layer_attr(arg(long, value_name = "ADDRESS"))
    )]
    pub resp: RespAddress,

    /// What RESP clients must say with AUTH before they are answered; they need not where it is empty
    #[config(
        env = "ORDERSHOP_RESP_PASSWORD",
        default = "",
        layer_attr(arg(long, value_name = "PASSWORD", hide_env_values = true))
    )]
    pub resp_password: Password,

    /// Where mails go: `file:FOLDER` writes each as one file, `none` accepts and drops them
    #[config(
        env = "ORDERSHOP_MAIL",
        default = "file:./data/mail",
        layer_attr(arg(long, value_name = "MAIL"))
    )]
    pub mail: MailUrl,

    /// The domain that stands in the Message-ID and the sender of mails
    #[config(
        env = "ORDERSHOP_MAIL_DOMAIN",
        default = "ordershop.example",
        layer_attr(arg(long, value_name = "DOMAIN"))
    )]
    pub mail_domain: MailDomain,

    /// How many commands may be under way at once; one client has half of them at most
    #[config(
        env = "ORDERSHOP_MAX_COMMANDS",
        default = 2048,
        layer_attr(arg(long, value_name = "NUMBER"))
    )]
    pub max_commands: NonZeroUsize,

    /// How many queries may be under way at once; one client has half of them at most
    #[config(
        env = "ORDERSHOP_MAX_QUERIES",
        default = 2048,
        layer_attr(arg(long, value_name = "NUMBER"))
    )]
    pub max_queries: NonZeroUsize,

    /// How many hours an `Idempotency-Key` is known, and its answer kept
    #[config(
        env = "ORDERSHOP_IDEMPOTENCY_HOURS",
        default = "24",
        layer_attr(arg(long, value_name = "HOURS"))
    )]
    pub idempotency_hours: Hours,

    /// How logs are written to stderr: `text` or `json`
    #[config(
        env = "ORDERSHOP_LOG_FORMAT",
        default = "text",
        layer_attr(arg(long, value_name = "FORMAT"))
    )]
    pub log_format: LogFormat,

    /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, or a filter by module; clients'
    /// malformed requests are left out unless the filter names them
    #[config(
        env = "ORDERSHOP_LOG",
        default = "warn,actix_http=off",
        layer_attr(arg(long, value_name = "FILTER"))
    )]
    pub log: String,
}

/// What was set in one place.
pub type SettingsLayer = <Settings as Config>::Layer;

impl Settings {
    /// Puts together the settings: `flags`, the environment, `file` where one is named, defaults.
    pub fn load(flags: SettingsLayer, file: Option<&Path>) -> Result<Self, Exit> {
        let environment = SettingsLayer::from_env()
            .map_err(|error| Exit::unusable(chain(&error), "mend or unset that variable"))?;
        let file = match file {
            None => SettingsLayer::empty(),
            Some(path) => File::with_format(path, FileFormat::Toml)
                .required()
                .load::<SettingsLayer>()
                .map_err(|error| {
                    Exit::unusable(
                        chain(&error),
                        "`ordershop config` prints a file with every setting",
                    )
                })?,
        };
        let layers = flags
            .with_fallback(environment)
            .with_fallback(file)
            .with_fallback(SettingsLayer::default_values());
        Self::from_layer(layers).map_err(|error| {
            Exit::unusable(chain(&error), "`ordershop serve --help` tells what can be set")
        })
    }

    /// A commented file with every setting.
    pub fn template() -> String {
        confique::toml::template::<Self>(confique::toml::FormatOptions::default())
    }
}

/// A setting, as help shows it.
pub struct Described {
    /// The name of its field, and of its argument.
    pub name: &'static str,
    /// The environment variable that sets it.
    pub variable: &'static str,
    /// What it is when nobody sets it.
    pub default: String,
}

/// Every setting, from the one definition.
pub fn described() -> impl Iterator<Item = Described> {
    use confique::meta::{Expr, FieldKind, LeafKind};

    Settings::META.fields.iter().filter_map(|field| match field.kind {
        FieldKind::Leaf {
            env: Some(variable),
            kind: LeafKind::Required { default: Some(default), .. },
        } => {
            let default = match default {
                Expr::Str(text) => text.to_owned(),
                Expr::Integer(number) => number.to_string(),
                _ => return None,
            };
            Some(Described { name: field.name, variable, default })
        }
        _ => None,
    })
}

/// An error with all that led to it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// A value that a setting does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is no {what}: expected {expected}")]
pub struct BadValue {
    value: String,
    what: &'static str,
    expected: &'static str,
}

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HttpAddress(pub SocketAddr);

/// Where mails go.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum MailUrl {
    /// Each becomes a file of this folder.
    File(PathBuf),
    /// They are accepted and dropped.
    None,
}

/// The domain in mails.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct MailDomain(String);

/// A time in hours: any number above 0, up to ten years.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "NumberOrText")]
pub struct Hours(f64);

impl Hours {
    /// The longest time that can be set.
    const MAX: f64 = 87_600.0;

    /// The same as a duration.
    pub fn duration(self) -> Duration {
        Duration::from_secs_f64(self.0 * 3600.0)
    }
}

/// A number as TOML may have it, or as the environment does.
#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(f64),
    Text(String),
}

impl TryFrom<NumberOrText> for Hours {
    type Error = BadValue;

    fn try_from(value: NumberOrText) -> Result<Self, BadValue> {
        match value {
            NumberOrText::Number(number) => number.to_string().parse(),
            NumberOrText::Text(text) => text.parse(),
        }
    }
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The address that a text names.
fn socket_address(text: &str) -> Option<SocketAddr> {
    // `localhost` is a name that every machine knows without asking another one.
    match text.strip_prefix("localhost:") {
        Some(_) => text.to_socket_addrs().ok()?.next(),
        None => text.parse().ok(),
    }
}

impl FromStr for HttpAddress {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        socket_address(text).map(Self).ok_or_else(|| BadValue {
            value: text.to_owned(),
            what: "address for HTTP",
            expected: "an IP address and a port, as in `127.0.0.1:5000` or `[::1]:5000`",
        })
    }
}

impl FromStr for MailUrl {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        match text.split_once(':') {
            Some(("file", folder)) if !folder.is_empty() => Ok(Self::File(folder.into())),
            None if text == "none" => Ok(Self::None),
            _ => Err(BadValue {
                value: text.to_owned(),
                what: "place for mails",
                expected: "`file:FOLDER` or `none`",
            }),
        }
    }
}

impl FromStr for MailDomain {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let label = |label: &str| {
            !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if text.split('.').all(label) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadValue {
                value: text.to_owned(),
                what: "domain",
                expected: "letters, digits and hyphens between dots, as in `shop.example`",
            })
        }
    }
}

impl FromStr for Hours {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        match text.trim().parse() {
            Ok(hours) if hours > 0.0 && hours <= Self::MAX => Ok(Self(hours)),
            _ => Err(BadValue {
                value: text.to_owned(),
                what: "time in hours",
                expected: "a number above 0, up to 87600, as in `24` or `0.5`",
            }),
        }
    }
}

impl FromStr for LogFormat {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(BadValue {
                value: text.to_owned(),
                what: "log format",
                expected: "`text` or `json`",
            }),
        }
    }
}

/// A file and the environment give text; it is read as the command line's is.
macro_rules! from_text {
    ($($type:ty),*) => {
        $(impl TryFrom<String> for $type {
            type Error = BadValue;

            fn try_from(text: String) -> Result<Self, BadValue> {
                text.parse()
            }
        })*
    };
}

from_text!(StoreUrl, HttpAddress, RespAddress, MailUrl, MailDomain, LogFormat);

impl fmt::Display for MailUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(folder) => write!(f, "file:{}", folder.display()),
            Self::None => f.write_str("none (accepted and dropped)"),
        }
    }
}

impl fmt::Display for MailDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_a_file_that_can_be_loaded() {
        let template = Settings::template();
        assert!(template.contains("embedded:./data"), "{template}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ordershop.toml");
        let uncommented: Vec<_> = template
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(setting) if !setting.starts_with(' ') => setting,
                _ => line,
            })
            .collect();
        std::fs::write(&path, uncommented.join("\n")).unwrap();
        let settings = Settings::load(SettingsLayer::empty(), Some(&path)).unwrap();
        assert_eq!(settings.store, StoreUrl::Embedded("./data".into()));
        assert_eq!(settings.idempotency_hours.duration(), Duration::from_hours(24));
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ordershop.toml");
        std::fs::write(&path, "store = \"embedded:/a\"\nmail = \"none\"\n").unwrap();
        let mut flags = SettingsLayer::empty();
        flags.store = Some(StoreUrl::Embedded("/b".into()));
        let settings = Settings::load(flags, Some(&path)).unwrap();
        assert_eq!(settings.store, StoreUrl::Embedded("/b".into()));
        assert_eq!(settings.mail, MailUrl::None);
        assert_eq!(settings.log_format, LogFormat::Text);
    }

    #[test]
    fn a_bad_value_is_named_with_what_was_expected() {
        let error = "file:".parse::<MailUrl>().unwrap_err().to_string();
        assert_eq!(error, "`file:` is no place for mails: expected `file:FOLDER` or `none`");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ordershop.toml");
        std::fs::write(&path, "colour = \"red\"\n").unwrap();
        let error = Settings::load(SettingsLayer::empty(), Some(&path)).unwrap_err().to_string();
        assert!(error.contains("colour"), "{error}");
    }
}
