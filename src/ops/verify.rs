//! `ordershop verify`: checks the log of a running shop, or of a stopped one.
//!
//! | file | what it is |
//! |---|---|
//! | `line` | what a check tells, line by line |
//! | `files`, `streams` | the check of a log in files, and of one that is read through the port alone |
//! | `running` | either, for whoever asks a running shop |
//! | `report` | what people are shown |

pub mod files;
pub mod line;
mod report;
pub mod running;
pub mod streams;

use std::path::Path;

use clap::Args;
use ordershop_actors::shop::topics;
use ordershop_store::LogError;
use ordershop_store::embedded::verify::Verification;

use self::files::FileCheck;
use self::line::{Line, Sum, Violation};
use self::streams::StreamCheck;
use super::client::Client;
use super::out::{Out, ProgressLine};
use super::source::{OpenLog, SourceArgs, must_hold_a_log, refused, unreadable};
use crate::exit::Exit;
use crate::settings::{RedisUrl, StoreUrl};

/// The command's options.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// One JSON object a line: each violation, then what was checked
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: SourceArgs,
}

/// Carries the command out.
pub fn run(args: &VerifyArgs) -> Result<(), Exit> {
    let mut shown = Shown::begin();
    let subject = match args.source.store() {
        None => of_shop(&args.source.client()?, &mut shown)?,
        Some(StoreUrl::Embedded(folder)) => of_folder(folder, &mut shown)?,
        Some(StoreUrl::Redis(url)) => of_server(url, &mut shown)?,
    };
    let Shown { violations, sum, .. } = shown;
    let sum = sum.unwrap_or_default();
    let mut out = Out::new();
    let lines = if args.json {
        let last = Line::Checked(Box::new(sum.clone()));
        violations.into_iter().map(Line::Violation).chain([last]).map(|l| l.to_json()).collect()
    } else {
        report::render(&subject, &sum, &violations, out.style)
    };
    for line in lines {
        out.line(&line)?;
    }
    out.flush()?;
    match sum.total() {
        0 => Ok(()),
        1 => Err(Exit::Missing("the log has 1 violation of its rules".to_owned())),
        total => Err(Exit::Missing(format!("the log has {total} violations of its rules"))),
    }
}

/// What was told so far, and the line that says how far it has come.
struct Shown {
    progress: ProgressLine,
    violations: Vec<Violation>,
    sum: Option<Sum>,
}

impl Shown {
    fn begin() -> Self {
        Self { progress: ProgressLine::begin(), violations: Vec::new(), sum: None }
    }

    /// Takes a line in; an error where it says that the check has failed.
    fn take(&mut self, line: Line) -> Result<(), String> {
        match line {
            Line::Progress(progress) => self.progress.show(|| report::bar(progress)),
            Line::Violation(violation) => self.violations.push(violation),
            Line::Checked(sum) => {
                self.progress.clear();
                self.sum = Some(*sum);
            }
            Line::Failed(reason) => {
                self.progress.clear();
                return Err(reason);
            }
        }
        Ok(())
    }
}

/// Has the running shop check its log.
fn of_shop(client: &Client, shown: &mut Shown) -> Result<String, Exit> {
    for line in client.lines("/ops/verify")? {
        let line = serde_json::from_str(&line?).map_err(|error| client.cut_off(error))?;
        shown.take(line).map_err(|reason| {
            Exit::unusable(format!("the shop could not check its log: {reason}"), "try again")
        })?;
    }
    if shown.sum.is_none() {
        return Err(client.cut_off("the check ended before its end"));
    }
    Ok(format!("the log of the shop at {}", client.url()))
}

/// Checks a stopped shop's folder.
fn of_folder(folder: &Path, shown: &mut Shown) -> Result<String, Exit> {
    must_hold_a_log(folder)?;
    let explain = |error: LogError| match &error {
        LogError::Locked(_) => Exit::unusable(
            &error,
            "ask the shop that runs there with --url, stop it, or verify a copy of the folder",
        ),
        error => refused(folder, error),
    };
    let verification = Verification::of_folder(folder, &topics::ALL).map_err(explain)?;
    let mut check = FileCheck::new(verification);
    while shown.sum.is_none() {
        for line in check.step().map_err(explain)? {
            shown.take(line).map_err(unreadable)?;
        }
    }
    Ok(format!("the log in {}", folder.display()))
}

/// Checks a log on a server, whether or not a shop runs there.
fn of_server(url: &RedisUrl, shown: &mut Shown) -> Result<String, Exit> {
    let OpenLog { log, runtime } = OpenLog::on_server(url)?;
    let mut check = StreamCheck::new(log);
    while shown.sum.is_none() {
        let lines = runtime.block_on(check.step());
        for line in lines.map_err(|error| Exit::unusable(error, "try again"))? {
            shown.take(line).map_err(unreadable)?;
        }
    }
    Ok(format!("the log on {url}"))
}
