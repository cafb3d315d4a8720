//! The shop as a process of its own: started on a folder, asked over HTTP, stopped or killed by id.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};

use serde_json::Value;

pub(crate) use super::folder::Folder;
use super::http::{Answer, Client};
use super::resp::RespClient;
use super::wait::{PATIENCE, eventually};

/// The signal by which a process ends that aborts.
const SIGABRT: i32 = 6;

/// The program with no configuration but what the test gives it.
pub(crate) fn ordershop() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ordershop"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ORDERSHOP_") {
            command.env_remove(name);
        }
    }
    // Many shops run at once; those that are asked over RESP say where.
    command.env("ORDERSHOP_RESP", "none");
    command.env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

/// `ordershop serve` on this folder, on any free port.
pub(crate) fn serve(folder: &Folder) -> Command {
    let mut command = serve_without_mail_option(folder);
    command.arg("--mail").arg(format!("file:{}", folder.mail().display()));
    command
}

/// The same, with mails that are accepted and dropped.
pub(crate) fn serve_without_mails(folder: &Folder) -> Command {
    let mut command = serve_without_mail_option(folder);
    command.args(["--mail", "none"]);
    command
}

fn serve_without_mail_option(folder: &Folder) -> Command {
    let mut command = ordershop();
    command
        .arg("serve")
        .arg("--store")
        .arg(folder.store())
        .args(["--http", "127.0.0.1:0"])
        // A relative default path must not end up in the sources.
        .current_dir(folder.path());
    command
}

/// A running shop; it is killed when it goes out of scope.
pub(crate) struct Shop {
    process: Child,
    address: SocketAddr,
    resp: Option<SocketAddr>,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
}

/// Where a shop serves: over HTTP, and over RESP where it does.
#[derive(Clone, Copy)]
struct Addresses {
    http: SocketAddr,
    resp: Option<SocketAddr>,
}

/// What a program left behind that has ended by itself.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Shop {
    /// Starts the shop on this folder and waits until it serves.
    pub(crate) fn start(folder: &Folder) -> Self {
        Self::start_as(serve(folder))
    }

    /// The same, with an endpoint for RESP on any free port.
    pub(crate) fn start_with_resp(folder: &Folder) -> Self {
        let mut command = serve_without_mails(folder);
        command.args(["--resp", "127.0.0.1:0"]);
        Self::start_as(command)
    }

    /// The same, with its log in that store instead.
    pub(crate) fn start_with_resp_on(folder: &Folder, store: &str) -> Self {
        let mut command = ordershop();
        command
            .args(["serve", "--store", store, "--http", "127.0.0.1:0", "--mail", "none"])
            .args(["--resp", "127.0.0.1:0"])
            .current_dir(folder.path());
        Self::start_as(command)
    }

    /// Starts the shop with this command line and waits until it serves.
    pub(crate) fn start_as(command: Command) -> Self {
        Self::try_start_as(command).unwrap_or_else(|ended| {
            panic!("the shop ended at its start with {}: {}", ended.status, ended.stderr)
        })
    }

    /// Starts the shop with this command line; gives what it left behind if it ends instead.
    pub(crate) fn try_start_as(command: Command) -> Result<Self, Ended> {
        let (mut shop, addresses) = Self::spawn(command);
        if let Ok(addresses) = addresses.recv_timeout(PATIENCE) {
            shop.serves_at(addresses);
            return Ok(shop);
        }
        Err(shop.wait())
    }

    /// The same, with a stderr to which nothing can be written, as on a full disk.
    pub(crate) fn start_with_full_stderr(mut command: Command) -> Self {
        let full = File::options().write(true).open("/dev/full").expect("Linux has one");
        command.stderr(full);
        let (mut shop, addresses) = Self::spawn_with_stderr(command);
        shop.serves_at(addresses.recv_timeout(PATIENCE).expect("the shop serves"));
        shop
    }

    /// Starts the process; its address comes when it serves, and the sender goes when it ends.
    fn spawn(mut command: Command) -> (Self, Receiver<Addresses>) {
        command.stderr(Stdio::piped());
        Self::spawn_with_stderr(command)
    }

    fn spawn_with_stderr(mut command: Command) -> (Self, Receiver<Addresses>) {
        command.stdout(Stdio::piped());
        let mut process = command.spawn().expect("the program can be started");
        let (stdout, address) = read_stdout(&mut process);
        let stderr = read_stderr(&mut process);
        let nowhere = SocketAddr::from(([0; 4], 0));
        let shop = Self { process, address: nowhere, resp: None, stdout: Some(stdout), stderr };
        (shop, address)
    }

    fn serves_at(&mut self, Addresses { http, resp }: Addresses) {
        (self.address, self.resp) = (http, resp);
    }

    /// Where it answers over RESP.
    pub(crate) fn resp_address(&self) -> SocketAddr {
        self.resp.expect("the shop was started with an endpoint for RESP")
    }

    /// A new connection to it over RESP.
    pub(crate) fn resp(&self) -> RespClient {
        RespClient::connect(self.resp_address()).expect("the shop takes connections")
    }

    /// Its process.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Where it serves.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A new connection to it.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// Sends one request on a connection of its own.
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.client()
            .send(method, path, body)
            .unwrap_or_else(|error| panic!("{method} {path} got no answer: {error}"))
    }

    /// A query that must be answered with 200.
    pub(crate) fn get(&self, path: &str) -> Value {
        self.expect_200("GET", path, None)
    }

    /// A creation that must be answered with 200.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        self.expect_200("POST", path, Some(body))
    }

    /// A change that must be answered with 200.
    pub(crate) fn put(&self, path: &str, body: &Value) -> Value {
        self.expect_200("PUT", path, Some(body))
    }

    /// A deletion that must be answered with 200.
    pub(crate) fn delete(&self, path: &str) -> Value {
        self.expect_200("DELETE", path, None)
    }

    fn expect_200(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let answer = self.send(method, path, body);
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.shown());
        assert_eq!(answer.header("content-type"), Some("application/json"), "{method} {path}");
        answer.json()
    }

    /// Ends the process where it stands, as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.process.kill().expect("the process is ours");
        self.process.wait().expect("the process is ours");
    }

    /// Whether the process has not ended by itself.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// How much memory it has in use, in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(path).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kibibytes.and_then(|number| number.parse::<u64>().ok()).expect("a number of kB") * 1024
    }

    /// Sends a signal, by its name without `SIG`.
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("sh")
            .args(["-c", &format!("kill -{signal} {}", self.process.id())])
            .status()
            .expect("a shell");
        assert!(status.success(), "no process took SIG{signal}");
    }

    /// Stops the shop in order with SIGTERM; anything but exit code 0 fails the test.
    pub(crate) fn stop(self) -> Ended {
        self.signal("TERM");
        let ended = self.wait();
        assert_eq!(ended.status.code(), Some(0), "stopped by SIGTERM: {}", ended.stderr);
        ended
    }

    /// Waits until the program dies by its own hand, as at a crash point.
    pub(crate) fn wait_for_abort(self) {
        let ended = self.wait();
        let aborted = ended.status.signal() == Some(SIGABRT);
        assert!(aborted, "it did not abort, but: {} {}", ended.status, ended.stderr);
    }

    /// Waits until the program ends by itself.
    pub(crate) fn wait(mut self) -> Ended {
        let status = eventually("the program's end", || match self.process.try_wait() {
            Ok(Some(status)) => Ok(status),
            Ok(None) => Err("it still runs".to_owned()),
            Err(error) => Err(error.to_string()),
        });
        let join = |reader: Option<JoinHandle<String>>| {
            reader.expect("it is taken once").join().expect("a reader does not panic")
        };
        Ended { status, stdout: join(self.stdout.take()), stderr: join(self.stderr.take()) }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        // Both fail harmlessly when the process has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs the program until it ends by itself, for command lines that serve nothing.
pub(crate) fn run(command: Command) -> Ended {
    Shop::spawn(command).0.wait()
}

/// Keeps reading stdout, so that the pipe never fills, and sends the addresses in it.
fn read_stdout(process: &mut Child) -> (JoinHandle<String>, Receiver<Addresses>) {
    let stdout = process.stdout.take().expect("stdout is piped");
    let (sender, receiver) = channel();
    let reader = thread::spawn(move || {
        let mut all = String::new();
        let (mut sender, mut http, mut resp) = (Some(sender), None, None);
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            http = address_in(&line, "http", "http://").or(http);
            resp = address_in(&line, "resp", "redis://").or(resp);
            // The addresses stand above it.
            if let Some(http) = http.filter(|_| line.trim_start().starts_with("store"))
                && let Some(sender) = sender.take()
            {
                // The test may have given up waiting.
                let _ = sender.send(Addresses { http, resp });
            }
            all.push_str(&line);
            all.push('\n');
        }
        all
    });
    (reader, receiver)
}

/// Keeps reading stderr, where it is piped.
fn read_stderr(process: &mut Child) -> Option<JoinHandle<String>> {
    let mut stderr = process.stderr.take()?;
    Some(thread::spawn(move || {
        let mut all = Vec::new();
        // What could be read before an error is still worth showing.
        let _ = stderr.read_to_end(&mut all);
        String::from_utf8_lossy(&all).into_owned()
    }))
}

/// The address in a line such as `  http   http://ADDRESS`.
fn address_in(line: &str, name: &str, scheme: &str) -> Option<SocketAddr> {
    let (_, address) = line.trim_start().strip_prefix(name)?.split_once(scheme)?;
    address.split([' ', '/']).next()?.parse().ok()
}
