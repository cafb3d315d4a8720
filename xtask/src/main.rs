//! The project's chores: `cargo xtask <chore>`, so that people, the README and CI run the same
//! commands.
//!
//! A chore is one file and one line in [`CHORES`].

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to a person")]

mod bench;
mod ci;
mod clients;
mod fixtures;
mod lint;
mod needs;
mod prove;
mod servers;
mod shell;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use shell::Failed;
use workspace::Workspace;

/// One thing that `cargo xtask` can do.
struct Chore {
    name: &'static str,
    /// One line for the list of chores.
    summary: &'static str,
    /// What `cargo xtask <chore> --help` prints below the summary.
    help: &'static str,
    run: fn(&Workspace, &[String]) -> Result<(), Failed>,
}

const CHORES: &[Chore] = &[
    Chore { name: "test", summary: test::SUMMARY, help: test::HELP, run: test::run },
    Chore { name: "lint", summary: lint::SUMMARY, help: lint::HELP, run: lint::run },
    Chore { name: "tidy", summary: tidy::SUMMARY, help: tidy::HELP, run: tidy::run },
    Chore { name: "ci", summary: ci::SUMMARY, help: ci::HELP, run: ci::run },
    Chore { name: "prove", summary: prove::SUMMARY, help: prove::HELP, run: prove::run },
    Chore { name: "bench", summary: bench::SUMMARY, help: bench::HELP, run: bench::run },
    Chore {
        name: "fixtures",
        summary: fixtures::SUMMARY,
        help: fixtures::HELP,
        run: fixtures::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = arguments.split_first() else {
        print_chores();
        return ExitCode::from(2);
    };
    if matches!(name.as_str(), "--help" | "-h" | "help") {
        print_chores();
        return ExitCode::SUCCESS;
    }
    let Some(chore) = CHORES.iter().find(|chore| chore.name == name) else {
        eprintln!("there is no chore `{name}`; `cargo xtask --help` lists them");
        return ExitCode::from(2);
    };
    if rest.iter().any(|argument| argument == "--help" || argument == "-h") {
        println!("cargo xtask {}: {}\n\n{}", chore.name, chore.summary, chore.help.trim());
        return ExitCode::SUCCESS;
    }
    match Workspace::find().and_then(|workspace| (chore.run)(&workspace, rest)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("\nxtask {name} failed: {failed}");
            ExitCode::FAILURE
        }
    }
}

fn print_chores() {
    println!("The project's chores.\n\nUsage: cargo xtask <chore> [--help]\n");
    for chore in CHORES {
        println!("  {:9} {}", chore.name, chore.summary);
    }
}
