//! What `cargo xtask bench` is asked for.

use std::time::Duration;

use super::SECTIONS;
use crate::shell::Failed;

/// How long each point is measured on each side, unless told otherwise.
const SECONDS: f64 = 5.0;
/// The same for a fast look.
const QUICK_SECONDS: f64 = 1.0;
/// In how many rounds it is measured, ours and the bare thing in turn.
const ROUNDS: u32 = 3;
/// How many events the log has whose reading is measured.
const EVENTS: u64 = 1_000_000;
/// The same for a fast look.
const QUICK_EVENTS: u64 = 40_000;

/// What to measure, and how.
#[derive(Debug)]
pub(super) struct Options {
    /// The names of the sections; empty means all.
    pub(super) sections: Vec<String>,
    /// How long a point is measured on each side, all rounds together.
    pub(super) measured: Duration,
    /// In how many rounds.
    pub(super) rounds: u32,
    /// How many events a large log has.
    pub(super) events: u64,
    /// Whether figures are coarse, so that the page must not be written.
    pub(super) quick: bool,
    /// Whether rows go to stdout as JSON, one a line.
    pub(super) json: bool,
}

impl Options {
    pub(super) fn parse(arguments: &[String]) -> Result<Self, Failed> {
        let quick = arguments.iter().any(|argument| argument == "--quick");
        let (seconds, rounds, events) =
            if quick { (QUICK_SECONDS, 1, QUICK_EVENTS) } else { (SECONDS, ROUNDS, EVENTS) };
        let measured = Duration::from_secs_f64(seconds);
        let mut options =
            Self { sections: Vec::new(), measured, rounds, events, quick, json: false };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--quick" => {}
                "--json" => options.json = true,
                "--seconds" => {
                    let seconds: f64 = number(argument, arguments.next())?;
                    options.measured = Duration::try_from_secs_f64(seconds)
                        .ok()
                        .filter(|measured| !measured.is_zero())
                        .ok_or_else(|| wrong(argument, "a number above 0"))?;
                }
                "--events" => options.events = number(argument, arguments.next())?,
                name if known(name) => options.sections.push(name.to_owned()),
                other => {
                    return Err(Failed::because(format!(
                        "there is no section or option `{other}`; `cargo xtask bench --help` \
                         lists them"
                    )));
                }
            }
        }
        Ok(options)
    }

    /// Whether a section of that name and group is to be run.
    pub(super) fn wants(&self, name: &str, group: &str) -> bool {
        self.sections.is_empty()
            || self.sections.iter().any(|wanted| wanted == name || wanted == group)
    }

    /// How long one round of one side is.
    pub(super) fn round(&self) -> Duration {
        self.measured / self.rounds
    }
}

fn known(name: &str) -> bool {
    SECTIONS.iter().any(|section| section.name == name || section.group == name)
}

fn number<N: std::str::FromStr>(option: &str, value: Option<&String>) -> Result<N, Failed> {
    value.and_then(|value| value.parse().ok()).ok_or_else(|| wrong(option, "a number"))
}

fn wrong(option: &str, expected: &str) -> Failed {
    Failed::because(format!("{option} takes {expected}, as in `{option} 5`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, Failed> {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        Options::parse(&arguments)
    }

    #[test]
    fn what_is_named_is_run_and_nothing_else() {
        let all = parse(&[]).unwrap();
        assert!(all.wants("customers", "http") && all.wants("log", "log"));
        let one = parse(&["http", "--seconds", "1.5"]).unwrap();
        assert!(one.wants("customers", "http") && !one.wants("log", "log"));
        assert_eq!(one.measured, Duration::from_millis(1500));
    }

    #[test]
    fn an_option_that_is_none_is_named() {
        for bad in [&["--fast"][..], &["cats"], &["--seconds"], &["--seconds", "-1"]] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
