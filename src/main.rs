//! The `ordershop` program.

use std::process::ExitCode;

/// Messages are made on one thread and dropped on another all the time.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ordershop::cli::run()
}
