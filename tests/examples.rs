//! The examples do what their lessons say, fit into a terminal of 80 columns, and leave nothing behind.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An example that cargo has built beside the tests: `cargo test` does; to run this file alone, run
/// `cargo build --examples` first.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let profile = test.ancestors().nth(2).expect("it lies in PROFILE/deps");
    let program = profile.join("examples").join(name);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(format!("{name}.rs"));
    let changed = |path: &Path| path.metadata().and_then(|file| file.modified()).ok();
    assert!(changed(&program) >= changed(&source), "{name} is not built: `cargo build --examples`");
    program
}

/// Runs an example to its end, with a temporary folder of its own that must be empty then; what it
/// printed comes back.
fn run(name: &str) -> String {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let ended = Command::new(example(name))
        .env("TMPDIR", temporary.path())
        .current_dir(temporary.path())
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let stdout = String::from_utf8(ended.stdout).expect("text");
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{name}: {}\n{stdout}\n{stderr}", ended.status);
    assert_eq!(stderr, "", "{name} complains");
    let left = std::fs::read_dir(temporary.path()).expect("the folder is ours").count();
    assert_eq!(left, 0, "{name} left something behind");
    for line in stdout.lines() {
        assert!(line.chars().count() <= 80, "{name}: wider than a terminal: {line}");
    }
    stdout
}

/// The lines stand there, in that order.
#[track_caller]
fn assert_told(text: &str, lines: &[&str]) {
    let mut all = text.lines().map(str::trim);
    for line in lines {
        assert!(all.any(|found| found == *line), "no `{line}` where it should be in\n{text}");
    }
}

#[test]
fn supervisor_restart_shows_each_strategy() {
    let told = run("supervisor_restart");
    assert!(!told.contains("not as the lesson says"), "{told}");
    let expected = [
        "1. one_for_one: b crashes",
        "shop/b is up, no. 2",
        "2. one_for_all: b crashes",
        "shop/c is stopped",
        "shop/a is stopped",
        "shop/c is up, no. 2",
        "3. rest_for_one: b crashes",
        "shop/c is stopped",
        "shop/b is up, no. 2",
        "6. escalation: a crashes three times, and its supervisor bears two",
        "shop/low gives up",
        "asked, a answers as incarnation 4",
        "All 6 scenes went as the lesson says.",
    ];
    assert_told(&told, &expected);
    assert_eq!(run("supervisor_restart"), told, "it is the same in every run");
}

#[test]
fn embedded_runtime_keeps_what_tokio_tasks_did_through_a_crash_and_a_stop() {
    let told = run("embedded_runtime");
    let expected = [
        "120 tasks deposit 5 cents each: 600 cents, durable",
        "withdraw 601: there are only 600 cents in it",
        "share among 0: its process panicked: attempt to divide by zero",
        "Alice is back with 600 cents",
        "bank/accounts/1 started as incarnation 2",
        "Alice has 129 events; a snapshot every 50 or so spares most of them:",
        "share among 7: 1 cents are left",
        "Everything went as the lesson says.",
    ];
    assert_told(&told, &expected);
}

#[test]
fn http_adapter_answers_500_for_a_panic_and_serves_the_next_request() {
    let told = run("http_adapter");
    let expected = [
        "POST /accounts/7/deposit/100  200 100",
        "POST /accounts/7/withdraw/101  409 there are only 100 cents in it",
        "POST /accounts/7/share/0  500 its process panicked: attempt to divide by zero",
        "GET /accounts/7  200 100",
        "GET /accounts/8  200 0",
        "the adapter is killed",
        "GET /accounts/7  200 100",
        "bank/accounts/7  no. 2 panicked: attempt to divide by zero",
        "bank/http        no. 2 killed",
        "Everything went as the lesson says.",
    ];
    assert_told(&told, &expected);
}
