//! What people see: colours and a width where a terminal is, plain text where none is.

use std::io::{self, IsTerminal, StdoutLock, Write};
use std::time::{Duration, Instant};

use crate::exit::Exit;

/// How long a command may take until its progress is shown.
const QUIET: Duration = Duration::from_secs(2);
/// How often it is shown anew.
const REFRESH: Duration = Duration::from_millis(200);
/// The width of a terminal that does not tell its own.
const USUAL_WIDTH: usize = 80;

/// A colour or weight, by its number in ECMA-48.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// What frames the rest.
    Dim = 2,
    /// What is wrong.
    Red = 31,
    /// What is well.
    Green = 32,
    /// What is on its way.
    Yellow = 33,
}

/// How wide lines may be, and whether they may have colours.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// The columns of the terminal, where there is one.
    pub width: Option<usize>,
    /// Whether colours are wanted.
    pub colours: bool,
}

impl Style {
    /// As stdout is; `NO_COLOR` and dumb terminals have no colours.
    pub fn of_stdout() -> Self {
        if !io::stdout().is_terminal() {
            return Self { width: None, colours: false };
        }
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let width = terminal_size::terminal_size()
            .map_or(USUAL_WIDTH, |(terminal_size::Width(columns), _)| usize::from(columns));
        Self { width: Some(width), colours: !set("NO_COLOR") && !dumb }
    }

    /// The text in that colour.
    pub fn paint(self, paint: Paint, text: &str) -> String {
        if self.colours && !text.trim().is_empty() {
            format!("\x1b[{}m{text}\x1b[0m", paint as u8)
        } else {
            text.to_owned()
        }
    }

    /// As much of a line as the terminal is wide.
    pub fn fit(self, line: &str) -> String {
        match self.width {
            Some(width) if line.chars().count() > width => {
                let kept: String = line.chars().take(width.saturating_sub(1)).collect();
                kept + "…"
            }
            _ => line.to_owned(),
        }
    }
}

/// A line of progress on a terminal, once there is something to wait for.
pub struct ProgressLine {
    begun: Instant,
    shown: Option<Instant>,
    is_wanted: bool,
}

impl ProgressLine {
    /// The line of a command that begins now; nothing is shown yet.
    pub fn begin() -> Self {
        Self { begun: Instant::now(), shown: None, is_wanted: io::stderr().is_terminal() }
    }

    /// Shows a line in the place of the one before, if it is time to.
    pub fn show(&mut self, line: impl FnOnce() -> String) {
        let is_due = self.shown.map_or(self.begun.elapsed() > QUIET, |at| at.elapsed() > REFRESH);
        if self.is_wanted && is_due {
            self.shown = Some(Instant::now());
            // Where stderr is gone, nobody waits.
            drop(write!(io::stderr(), "\r\x1b[K{}", line()));
        }
    }

    /// Takes the line away.
    pub fn clear(&self) {
        if self.shown.is_some() {
            drop(write!(io::stderr(), "\r\x1b[K"));
        }
    }
}

/// Stdout.
pub struct Out {
    stdout: StdoutLock<'static>,
    /// How it looks there.
    pub style: Style,
}

impl Out {
    /// Stdout, as it is.
    pub fn new() -> Self {
        Self { stdout: io::stdout().lock(), style: Style::of_stdout() }
    }

    /// Writes text, with the end of its last line.
    pub fn line(&mut self, text: &str) -> Result<(), Exit> {
        writeln!(self.stdout, "{text}").map_err(unheard)
    }

    /// Hands all over that was written.
    pub fn flush(&mut self) -> Result<(), Exit> {
        self.stdout.flush().map_err(unheard)
    }
}

impl Default for Out {
    fn default() -> Self {
        Self::new()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
fn unheard(error: io::Error) -> Exit {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Exit::Unheard
    } else {
        Exit::unusable(format!("cannot write: {error}"), "check where the output goes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_to_the_terminal_and_whole_in_a_pipe() {
        let terminal = Style { width: Some(5), colours: true };
        assert_eq!(terminal.fit("abcdef"), "abcd…");
        assert_eq!(terminal.fit("abcde"), "abcde");
        assert_eq!(terminal.paint(Paint::Red, "x"), "\x1b[31mx\x1b[0m");
        let pipe = Style { width: None, colours: false };
        assert_eq!(pipe.fit("abcdef"), "abcdef");
        assert_eq!(pipe.paint(Paint::Red, "x"), "x");
    }
}
