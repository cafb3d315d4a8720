//! Runs the server's part of the log: as functions, or as a script where there are none.

use std::sync::atomic::{AtomicBool, Ordering};

use redis::{Cmd, ServerErrorKind, Value};

use super::keys::{ids_key, prefix, stream_key};
use super::link::{Link, Request, Turn, describe, refuse};
use crate::{Action, LogError, Topic};

/// The server's part.
const TEXT: &str = concat!(include_str!("log.lua"), include_str!("locate.lua"));
/// How often the library is loaded within one call, should others remove it.
const MAX_LOADS: usize = 3;
/// How many keys each function is given.
const KEYS: usize = Action::ALL.len() + 1;

/// A function of the server's part.
#[derive(Clone, Copy, Debug)]
pub(super) enum Function {
    /// Appends transactions, cursors and snapshots.
    Append,
    /// Adopts what others wrote, and looks into the indexes of entities.
    Locate,
}

impl Function {
    const ALL: [Self; 2] = [Self::Append, Self::Locate];

    const fn name(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Locate => "locate",
        }
    }
}

/// The server's part, ready to be called.
#[derive(Debug)]
pub(super) struct Script {
    /// Stands behind each name, so that programs with another text use functions of their own.
    version: String,
    library: String,
    text: String,
    /// Names the script to the server.
    hash: String,
    /// Whether functions are missing or forbidden.
    uses_scripts: AtomicBool,
}

impl Script {
    /// The part that belongs to this program.
    pub(super) fn new() -> Self {
        let version = format!("{:08x}", crc32c::crc32c(TEXT.as_bytes()));
        let registered = Function::ALL.map(|function| {
            let name = function.name();
            format!(
                "redis.register_function('ordershop_{name}_{version}', \
                 function(keys, args) return {name}(keys, args, 1) end)\n"
            )
        });
        let chosen = Function::ALL.map(|function| {
            let name = function.name();
            format!("if ARGV[1] == '{name}' then return {name}(KEYS, ARGV, 2) end\n")
        });
        let library =
            format!("#!lua name=ordershop_log_{version}\n{TEXT}\n{}", registered.concat());
        let text = format!("{TEXT}\n{}", chosen.concat());
        let hash = redis::Script::new(&text).get_hash().to_owned();
        Self { version, library, text, hash, uses_scripts: AtomicBool::new(false) }
    }

    /// Calls a function on a topic; `arguments` adds those behind the prefix.
    ///
    /// It may run twice; so whatever is asked must do no harm then.
    pub(super) async fn call(
        &self,
        link: &Link,
        function: Function,
        topic: Topic,
        arguments: &(dyn Fn(&mut Cmd) + Send + Sync),
        mut turn: Option<Turn>,
    ) -> Result<Value, LogError> {
        let mut forbidden = None;
        for _ in 0..MAX_LOADS {
            let as_script = self.uses_scripts.load(Ordering::Relaxed);
            let command = self.command(as_script, function, topic, arguments);
            let answered = link.ask_in_turn(Request::One(&command), turn.take()).await;
            let value = answered?.pop().unwrap_or_default();
            let Value::ServerError(error) = &value else {
                return Ok(value);
            };
            let missing = if as_script {
                error.kind() == Some(ServerErrorKind::NoScript)
            } else {
                error.details().is_some_and(|details| details.contains("unction not found"))
            };
            if !missing && (as_script || !has_no_functions(error)) {
                return refuse(value);
            }
            if error.kind() == Some(ServerErrorKind::NoPerm) {
                forbidden = Some(describe(error));
            }
            self.load(link).await?;
        }
        // Whoever may load functions and may not call them is short of a right to some key.
        if let Some(reason) = forbidden {
            return Err(LogError::Refused(reason.into()));
        }
        Err(LogError::Refused("what runs in the server is removed again and again".into()))
    }

    fn command(
        &self,
        as_script: bool,
        function: Function,
        topic: Topic,
        arguments: &(dyn Fn(&mut Cmd) + Send + Sync),
    ) -> Cmd {
        let mut command = redis::cmd(if as_script { "EVALSHA" } else { "FCALL" });
        if as_script {
            command.arg(&self.hash).arg(KEYS);
        } else {
            command.arg(format!("ordershop_{}_{}", function.name(), self.version)).arg(KEYS);
        }
        for action in Action::ALL {
            command.arg(stream_key(topic, action));
        }
        command.arg(ids_key(topic));
        if as_script {
            command.arg(function.name());
        }
        command.arg(prefix(topic));
        arguments(&mut command);
        command
    }

    /// Loads the functions, or the script where functions are missing or forbidden.
    async fn load(&self, link: &Link) -> Result<(), LogError> {
        if !self.uses_scripts.load(Ordering::Relaxed) {
            let mut load = redis::cmd("FUNCTION");
            load.arg("LOAD").arg("REPLACE").arg(&self.library);
            let value = link.ask(Request::One(&load)).await?.pop().unwrap_or_default();
            match &value {
                Value::ServerError(error) if has_no_functions(error) => {
                    tracing::info!(
                        reason = describe(error),
                        "the store runs no functions; scripts do"
                    );
                    self.uses_scripts.store(true, Ordering::Relaxed);
                }
                _ => return refuse(value).map(drop),
            }
        }
        let mut load = redis::cmd("SCRIPT");
        load.arg("LOAD").arg(&self.text);
        link.ask_one(&load).await.map(drop)
    }
}

/// Whether the error says that functions are unknown to the server, or forbidden to us.
fn has_no_functions(error: &redis::ServerError) -> bool {
    error.kind() == Some(ServerErrorKind::NoPerm)
        || error.details().is_some_and(|details| details.contains("unknown command"))
}
