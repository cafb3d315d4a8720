//! The terminal: frames that are drawn over each other, as high as fits.

use std::io::{self, IsTerminal, Write};

use crate::ops::out::Style;

/// The height of a terminal that does not tell its own.
const USUAL_HEIGHT: usize = 24;

/// Stdout as a place for frames, where it is a terminal, and for lines.
pub(super) struct Screen {
    /// How lines look there.
    pub(super) style: Style,
    is_live: bool,
    /// How many lines the last frame had.
    drawn: usize,
}

impl Screen {
    /// Stdout; frames are drawn unless it is none, or plain lines are wanted.
    pub(super) fn new(plain: bool) -> Self {
        let is_live = !plain && io::stdout().is_terminal();
        let style =
            if is_live { Style::of_stdout() } else { Style { width: None, colours: false } };
        Self { style, is_live, drawn: 0 }
    }

    /// Whether frames are drawn.
    pub(super) fn is_live(&self) -> bool {
        self.is_live
    }

    /// How many lines a frame may have: one less than the terminal, for the cursor.
    pub(super) fn height() -> usize {
        let height = terminal_size::terminal_size()
            .map_or(USUAL_HEIGHT, |(_, terminal_size::Height(rows))| usize::from(rows));
        height.saturating_sub(1)
    }

    /// Draws a frame over the one before.
    pub(super) fn draw(&mut self, lines: &[String]) {
        if !self.is_live {
            return;
        }
        let lines = &lines[..lines.len().min(Self::height())];
        // The cursor is hidden, and each line cleared behind its text rather than before: nothing
        // flickers.
        let mut frame = String::from("\x1b[?25l");
        if self.drawn > 0 {
            let up = format!("\x1b[{}A\r", self.drawn);
            frame.push_str(&up);
        }
        for line in lines {
            frame.push_str(line);
            frame.push_str("\x1b[K\n");
        }
        frame.push_str("\x1b[J");
        self.drawn = lines.len();
        write(&frame);
    }

    /// Writes lines below the last frame.
    pub(super) fn print(&mut self, lines: &[String]) {
        let mut text = lines.join("\n");
        text.push('\n');
        self.drawn = 0;
        write(&text);
    }
}

fn write(text: &str) {
    let mut out = io::stdout();
    // A run that nobody looks at still ends with its exit code.
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.is_live {
            write("\x1b[?25h");
        }
    }
}
