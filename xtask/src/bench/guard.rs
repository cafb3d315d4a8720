//! A process that ends with this one, however this one ends.

use std::io;
use std::process::{Child, Command, Stdio};

/// Waits until whoever holds the other end of its input is gone, then ends the process of that id.
const WATCH: &str = "cat > /dev/null; kill -TERM \"$0\" 2> /dev/null";

/// A process, and a shell that ends it when this program is gone.
pub(super) struct Guarded {
    pub(super) process: Child,
    guard: Child,
}

impl Guarded {
    /// Starts a program.
    pub(super) fn spawn(command: &mut Command) -> io::Result<Self> {
        let mut process = command.stdin(Stdio::null()).spawn()?;
        let guard = Command::new("sh")
            .args(["-c", WATCH, &process.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match guard {
            Ok(guard) => Ok(Self { process, guard }),
            Err(error) => {
                process.kill()?;
                process.wait()?;
                Err(error)
            }
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // The guard goes first, so that it never ends another process that was given the same id; all
        // of this fails harmlessly where something has ended already.
        let _ = self.guard.kill();
        let _ = self.guard.wait();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
