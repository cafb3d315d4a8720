//! The `ordershop` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    ordershop::cli::run()
}
