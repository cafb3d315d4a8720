//! Logs, by `tracing`, to stderr.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::exit::Exit;
use crate::settings::{LogFormat, Settings};

/// Starts logging as the settings say; panics are logged, too.
pub fn start(settings: &Settings) -> Result<(), Exit> {
    let filter = EnvFilter::try_new(&settings.log).map_err(|error| {
        Exit::unusable(format!("`{}` is no log filter: {error}", settings.log), "try --log info")
    })?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        // A stderr that cannot be written must not end the shop; there is nobody to tell.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Text => logs.init(),
        LogFormat::Json => logs.json().init(),
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(%place, message, "a part panicked");
    }));
    Ok(())
}
