//! The command line.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::exit::Exit;
use crate::settings::{self, Settings, SettingsLayer};
use crate::{demo, logging, ops, serve};

/// An order shop run by event-sourced, supervised actors.
///
/// Without a command it serves: the whole shop in this process, its data in ./data, HTTP on
/// 127.0.0.1:5000.
#[derive(Debug, Parser)]
#[command(name = "ordershop", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the shop until Ctrl-C or SIGTERM
    ///
    /// Every option can also be set in the environment and in a file; a flag wins over the
    /// environment, the environment over the file. `ordershop config` prints a file to begin with.
    Serve(ServeArgs),
    /// Print a commented configuration file with every setting and its default
    Config,
    #[command(flatten)]
    Ask(ops::Ask),
    /// Watch the shop keep its promises, on a temporary folder
    #[command(subcommand)]
    Demo(demo::Demo),
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// A TOML file with settings; `ordershop config` prints one to begin with
    #[arg(long, value_name = "FILE", env = "ORDERSHOP_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingsLayer,
}

/// Does what the command line asks for.
pub fn run() -> ExitCode {
    let matches = command().try_get_matches();
    let cli = match matches.and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches)) {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    let done = match cli.command {
        None => shop(cli.serve),
        Some(Command::Serve(args)) => shop(args),
        Some(Command::Config) => print(&Settings::template()),
        Some(Command::Ask(ask)) => ops::run(&ask),
        Some(Command::Demo(demo)) => demo::run(&demo),
    };
    match done {
        Ok(()) | Err(Exit::Unheard) => ExitCode::SUCCESS,
        Err(exit) => {
            complain(&exit.to_string());
            exit.code()
        }
    }
}

/// The command line, with each setting's default and variable in its help.
fn command() -> clap::Command {
    fn explain(mut command: clap::Command) -> clap::Command {
        for setting in settings::described() {
            command = command.mut_arg(setting.name, |argument| {
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                argument.help(format!("{help} [default: {}]", setting.default)).long_help(format!(
                    "{help}\n\n[default: {}] [env: {}]",
                    setting.default, setting.variable
                ))
            });
        }
        command
    }
    explain(Cli::command()).mut_subcommand("serve", explain)
}

fn shop(args: ServeArgs) -> Result<(), Exit> {
    let settings = Settings::load(args.settings, args.config.as_deref())?;
    logging::start(&settings)?;
    serve::run(&settings)
}

fn print(text: &str) -> Result<(), Exit> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| Exit::unusable(format!("cannot write: {error}"), "check where it goes"))
}

/// One line on stderr; where there is none, nobody can be told.
fn complain(text: &str) {
    drop(writeln!(std::io::stderr(), "ordershop: {text}"));
}

/// Help goes to stdout as it is; a bad option becomes one line and exit code 2.
fn explain(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            drop(error.print());
            ExitCode::SUCCESS
        }
        _ => {
            let text = error.render().to_string();
            let what = text.lines().next().unwrap_or_default();
            let what = what.strip_prefix("error: ").unwrap_or(what);
            complain(&format!("{what}; see `ordershop --help`"));
            ExitCode::from(2)
        }
    }
}
