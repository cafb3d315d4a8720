//! Promise: the shop starts and stops as its operator expects, and says in one line why it cannot.

mod support;

use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::http::Client;
use support::shop::{Ended, Folder, Shop, ordershop, run, serve};
use support::wait::eventually;
use support::{ids, list};

#[test]
fn help_names_the_commands_and_every_option() {
    let mut command = ordershop();
    command.arg("--help");
    let ended = run(command);
    assert_eq!(ended.status.code(), Some(0));
    for word in ["serve", "config"] {
        assert!(ended.stdout.contains(word), "no {word} in {}", ended.stdout);
    }

    let mut command = ordershop();
    command.args(["serve", "--help"]);
    let ended = run(command);
    assert_eq!(ended.status.code(), Some(0));
    for word in ["--store", "--http", "--mail", "--config", "--log-format"] {
        assert!(ended.stdout.contains(word), "no {word} in {}", ended.stdout);
    }
    assert!(ended.stdout.contains("ORDERSHOP_"), "no environment in {}", ended.stdout);
}

#[test]
fn one_block_on_stdout_says_what_runs_where() {
    let folder = Folder::new();
    let shop = Shop::start(&folder);
    let url = format!("http://{}", shop.address());
    let ended = shop.stop();
    let line = ended.stdout.lines().find(|line| line.starts_with("  http"));
    let line = line.unwrap_or_else(|| panic!("no line for http in {}", ended.stdout));
    assert!(line.contains(&url), "{line}");
    for path in [folder.data(), folder.mail()] {
        assert!(ended.stdout.contains(&*path.to_string_lossy()), "{}", ended.stdout);
    }
    assert!(ended.stdout.lines().count() < 20, "one short block: {}", ended.stdout);
}

#[test]
fn alone_the_program_serves_from_its_default_folders() {
    let folder = Folder::new();
    let mut command = ordershop();
    command.current_dir(folder.path()).env("ORDERSHOP_HTTP", "127.0.0.1:0");
    let shop = Shop::start_as(command);
    shop.post("/customer", &json!({"name": "Ada", "email": "ada@example.org"}));
    let mail = folder.path().join("data/mail");
    eventually("the mail", || match support::mails::count_mails(&mail) {
        1 => Ok(()),
        count => Err(format!("{count} mails in {}", mail.display())),
    });
    shop.stop();
}

#[test]
fn the_configuration_template_is_accepted_as_it_is() {
    let mut command = ordershop();
    command.arg("config");
    let ended = run(command);
    assert_eq!(ended.status.code(), Some(0));
    for word in ["store", "http", "mail", "log_format", "#"] {
        assert!(ended.stdout.contains(word), "no {word} in {}", ended.stdout);
    }

    // As printed, all is a comment; without the marks, each setting stands there with its default.
    let uncommented: Vec<&str> = ended
        .stdout
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .collect();
    for text in [&ended.stdout, &uncommented.join("\n")] {
        let folder = Folder::new();
        let file = folder.path().join("ordershop.toml");
        fs::write(&file, text).expect("a file");
        let mut command = serve(&folder);
        command.arg("--config").arg(file);
        Shop::start_as(command).stop();
    }
}

/// Each source names another address of this machine.
#[test]
fn a_flag_beats_the_environment_and_that_beats_the_file() {
    let folder = Folder::new();
    let file = folder.path().join("ordershop.toml");
    fs::write(
        &file,
        format!(
            "http = \"127.0.0.2:0\"\nstore = \"embedded:{}\"\nmail = \"none\"\n",
            folder.data().display()
        ),
    )
    .expect("a file");
    let with_file = || {
        let mut command = ordershop();
        command.current_dir(folder.path()).args(["serve", "--config"]).arg(&file);
        command
    };
    let address = |command: Command| {
        let shop = Shop::start_as(command);
        let address = shop.address().ip().to_string();
        shop.stop();
        address
    };

    assert_eq!(address(with_file()), "127.0.0.2");
    let mut command = with_file();
    command.env("ORDERSHOP_HTTP", "127.0.0.3:0");
    assert_eq!(address(command), "127.0.0.3");
    let mut command = with_file();
    command.env("ORDERSHOP_HTTP", "127.0.0.3:0").args(["--http", "127.0.0.4:0"]);
    assert_eq!(address(command), "127.0.0.4");
    assert!(folder.data().exists(), "the file's store is used");
    assert!(!folder.path().join("data/mail").exists(), "the file's `mail` is used");
}

#[test]
fn a_bad_option_is_refused_in_one_line_that_names_it() {
    let cases: [(&[&str], &str); 9] = [
        (&["serve", "--frobnicate"], "--frobnicate"),
        (&["frobnicate"], "frobnicate"),
        (&["serve", "--http", "nowhere"], "nowhere"),
        (&["serve", "--http", "127.0.0.1:99999"], "99999"),
        (&["serve", "--store", "papyrus:./data"], "papyrus"),
        (&["serve", "--mail", "pigeon:./data"], "pigeon"),
        (&["serve", "--log-format", "morse"], "morse"),
        (&["serve", "--config", "missing.toml"], "missing.toml"),
        (&["serve", "--store"], "--store"),
    ];
    for (arguments, culprit) in cases {
        let folder = Folder::new();
        let mut command = ordershop();
        command.current_dir(folder.path()).env("ORDERSHOP_HTTP", "127.0.0.1:0").args(arguments);
        assert_refused(&run(command), culprit);
        assert!(!folder.path().join("data").exists(), "{arguments:?} left something behind");
    }
}

#[test]
fn a_bad_environment_or_file_is_refused_in_one_line_that_names_it() {
    for (name, value) in [
        ("ORDERSHOP_HTTP", "nowhere"),
        ("ORDERSHOP_STORE", "papyrus:x"),
        ("ORDERSHOP_MAIL", "pigeon:x"),
        ("ORDERSHOP_LOG_FORMAT", "morse"),
    ] {
        let folder = Folder::new();
        let mut command = ordershop();
        command.arg("serve").current_dir(folder.path()).env(name, value);
        assert_refused(&run(command), name);
    }
    for (text, culprit) in [
        ("http = ", "broken.toml"),
        ("http = 5", "broken.toml"),
        ("http = \"nowhere\"", "nowhere"),
        ("store = \"papyrus:x\"", "papyrus"),
    ] {
        let folder = Folder::new();
        fs::write(folder.path().join("broken.toml"), text).expect("a file");
        let mut command = ordershop();
        command.current_dir(folder.path()).args(["serve", "--config", "broken.toml"]);
        assert_refused(&run(command), culprit);
    }
}

#[test]
fn a_taken_port_is_refused_in_one_line_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let folder = Folder::new();
    let mut command = ordershop();
    command.current_dir(folder.path()).args(["serve", "--http", &address]);
    assert_refused(&run(command), &address);
}

#[test]
fn a_folder_in_use_is_refused_in_one_line_that_names_it() {
    let folder = Folder::new();
    let shop = Shop::start(&folder);
    assert_refused(&run(serve(&folder)), &folder.data().to_string_lossy());
    assert_eq!(shop.get("/customers"), json!([]), "the first shop notices nothing");

    shop.kill();
    Shop::start(&folder).stop();
}

#[test]
fn a_folder_that_cannot_be_one_is_refused_in_one_line_that_names_it() {
    let folder = Folder::new();
    let file = folder.path().join("file");
    fs::write(&file, "no folder").expect("a file");
    for path in [file.clone(), file.join("below")] {
        let mut command = ordershop();
        command
            .current_dir(folder.path())
            .args(["serve", "--http", "127.0.0.1:0", "--mail", "none", "--store"])
            .arg(format!("embedded:{}", path.display()));
        assert_refused(&run(command), &file.to_string_lossy());
    }
    let mut command = ordershop();
    command
        .current_dir(folder.path())
        .args(["serve", "--http", "127.0.0.1:0", "--mail"])
        .arg(format!("file:{}", file.display()));
    assert_refused(&run(command), &file.to_string_lossy());
}

#[test]
fn each_signal_ends_the_shop_with_exit_code_0() {
    for signals in [&["TERM"][..], &["INT"], &["TERM", "TERM"], &["INT", "INT"], &["TERM", "INT"]] {
        let folder = Folder::new();
        let shop = Shop::start(&folder);
        let id = ids(&shop.post("/customer", &json!({"name": "A", "email": "a@example.org"})));
        for signal in signals {
            shop.signal(signal);
        }
        let ended = shop.wait();
        assert_eq!(ended.status.code(), Some(0), "{signals:?}: {}", ended.stderr);
        let shop = Shop::start(&folder);
        assert_ne!(shop.get(&format!("/customer/{}", id[0])), Value::Null);
    }
}

#[test]
fn an_idle_connection_does_not_delay_the_stop() {
    let folder = Folder::new();
    let shop = Shop::start(&folder);
    let mut client = shop.client();
    client.send("GET", "/customers", None).expect("an answer");
    let asked = Instant::now();
    shop.stop();
    assert!(asked.elapsed() < Duration::from_secs(5), "it took {:?}", asked.elapsed());
}

#[test]
fn json_logs_are_one_object_a_line() {
    let folder = Folder::new();
    let mut command = serve(&folder);
    command.args(["--log-format", "json", "--log", "debug"]);
    let shop = Shop::start_as(command);
    shop.post("/customer", &json!({"name": "Ada", "email": "ada@example.org"}));
    let ended = shop.stop();
    assert!(!ended.stderr.is_empty(), "something is logged");
    for line in ended.stderr.lines() {
        let parsed: Result<Value, _> = serde_json::from_str(line);
        assert!(parsed.is_ok_and(|value| value.is_object()), "no JSON object: {line}");
    }
}

const BATCH: usize = 100;

/// One batch of customers under one name, and how its command went.
struct Sent {
    name: String,
    /// When all of it was sent, unless there was no connection.
    at: Option<Instant>,
    /// The status of the answer, if there was one.
    status: Option<u16>,
}

#[test]
fn a_stop_under_load_answers_what_is_in_flight_and_keeps_it() {
    let folder = Folder::new();
    let shop = Shop::start(&folder);
    let address = shop.address();
    let acknowledged = AtomicUsize::new(0);
    let (sent, stopped_at) = thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|index| {
                let acknowledged = &acknowledged;
                scope.spawn(move || send_until_refused(Client::new(address), index, acknowledged))
            })
            .collect();
        eventually("commands", || match acknowledged.load(Ordering::SeqCst) {
            done if done >= 40 => Ok(()),
            done => Err(format!("{done} acknowledged")),
        });
        let stopped_at = Instant::now();
        shop.stop();
        let sent: Vec<Sent> =
            clients.into_iter().flat_map(|client| client.join().expect("a client")).collect();
        (sent, stopped_at)
    });

    let on_the_way = sent.iter().filter(|sent| {
        // A moment earlier, so that the system has taken the request over.
        sent.at.is_some_and(|at| at + Duration::from_millis(5) < stopped_at)
    });
    for sent in on_the_way {
        // On a busy machine the shop may read it only behind the signal, and turns it away then.
        let answered = matches!(sent.status, Some(200 | 503));
        assert!(answered, "{} was on its way and got {:?}", sent.name, sent.status);
    }
    let shop = Shop::start(&folder);
    let customers = shop.get("/customers");
    for sent in &sent {
        let kept = list(&customers).iter().filter(|customer| customer["name"] == *sent.name);
        match (kept.count(), sent.status) {
            (BATCH, Some(200) | None) | (0, Some(503) | None) => {}
            (count, status) => panic!("{count} of {BATCH} are kept of an answer {status:?}"),
        }
    }
}

fn send_until_refused(mut client: Client, index: usize, acknowledged: &AtomicUsize) -> Vec<Sent> {
    let mut all = Vec::new();
    loop {
        let name = format!("Client {index} batch {}", all.len());
        let batch = vec![json!({"name": name, "email": "a@example.org"}); BATCH];
        let answer = client.send("POST", "/customers", Some(&Value::from(batch)));
        let status = answer.ok().map(|answer| answer.status);
        all.push(Sent { name, at: client.sent_at, status });
        if status != Some(200) {
            return all;
        }
        acknowledged.fetch_add(1, Ordering::SeqCst);
    }
}

/// Ended with exit code 2, said in one line what is wrong, and nothing else.
fn assert_refused(ended: &Ended, culprit: &str) {
    assert_eq!(ended.status.code(), Some(2), "{culprit}: {}{}", ended.stdout, ended.stderr);
    let lines: Vec<&str> = ended.stderr.lines().collect();
    let [line] = lines.as_slice() else {
        panic!("{culprit}: {} lines on stderr: {}", lines.len(), ended.stderr);
    };
    assert!(line.contains(culprit), "no {culprit} in: {line}");
    assert!(!line.contains("panicked"), "{line}");
    assert_eq!(ended.stdout, "", "{culprit}");
}
