//! `ordershop demo restart` crashes actors under load, and proves that nothing is lost.

mod support;

use std::process::Command;

use support::shop::{Ended, ordershop, run};
use support::size::size;

/// For how many seconds actors are crashed; with its proofs the demo has a minute.
fn seconds() -> usize {
    size(3, 30)
}

fn demo(folder: &std::path::Path, arguments: &[&str]) -> Command {
    let mut command = ordershop();
    command.args(["demo", "restart"]).args(arguments).env("TMPDIR", folder);
    command
}

#[test]
fn crashes_under_load_lose_nothing_and_leave_nothing_behind() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let seconds = seconds().to_string();
    let Ended { status, stdout, stderr } =
        run(demo(folder.path(), &["--seconds", &seconds, "--seed", "7", "--plain"]));
    assert_eq!(status.code(), Some(0), "{stdout}\n{stderr}");
    assert_eq!(stderr, "");
    let count = |word: &str| stdout.lines().filter(|line| line.contains(word)).count();
    let crashes = count(" s  crash ");
    assert!(crashes > 0 && count(" s  begin ") == 1, "{stdout}");
    assert_eq!(crashes, count(" s  mended ") + count(" s  missed "), "{stdout}");
    for (promise, word) in [
        ("crashes mended", " of "),
        ("commands answered", " acknowledged, "),
        ("events found", " acknowledged commands, each once"),
        ("entities kept", " are as they were left"),
        ("mails sent", ", each once"),
        ("stock balanced", " put in = "),
        ("log verified", " entries keep all rules"),
    ] {
        let line = stdout.lines().find(|line| line.contains(promise));
        let line = line.unwrap_or_else(|| panic!("no proof of `{promise}` in\n{stdout}"));
        assert!(line.starts_with("  ok ") && line.contains(word), "{line}");
    }
    let left = std::fs::read_dir(folder.path()).expect("the folder is ours").count();
    assert_eq!(left, 0, "it left something behind");
}

#[test]
fn what_cannot_be_is_told_in_one_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Ended { status, stdout, stderr } = run(demo(folder.path(), &["--plain", "--seconds=0"]));
    assert_eq!((status.code(), &*stdout), (Some(2), ""), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");

    std::fs::write(folder.path().join("a file"), "").expect("the folder is ours");
    let Ended { status, stdout, stderr } =
        run(demo(&folder.path().join("a file"), &["--plain", "--seconds=1"]));
    assert_eq!((status.code(), &*stdout), (Some(2), ""), "{stderr}");
    assert!(stderr.contains("set TMPDIR") && stderr.lines().count() == 1, "{stderr}");
}
