//! A Redis server of a test's own: on a free port, in a folder of its own, gone with its handle.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::resp_client::{Answer, RespClient};

/// How long a server may take to answer, its log being read first.
const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);
/// How often another port is tried when somebody took the one that was free.
const PORTS_TRIED: usize = 10;

/// Which server program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    /// Redis, 7.0 or newer.
    Redis,
    /// Valkey, 8 or newer.
    Valkey,
}

impl Make {
    /// The variable that names the program.
    const fn variable(self) -> &'static str {
        match self {
            Self::Redis => "ORDERSHOP_REDIS_SERVER",
            Self::Valkey => "ORDERSHOP_REDIS_PEER",
        }
    }

    /// The program, as `cargo xtask test` found it.
    fn program(self) -> PathBuf {
        let variable = self.variable();
        let Some(program) = std::env::var_os(variable) else {
            panic!(
                "this test starts a server, and {variable} does not name its program: run it with \
                 `cargo xtask test`, which finds or fetches one"
            );
        };
        program.into()
    }
}

/// A running server, which is killed when this is dropped.
#[derive(Debug)]
pub struct RedisServer {
    make: Make,
    folder: TempDir,
    port: u16,
    options: Vec<String>,
    password: Option<String>,
    child: Option<Child>,
}

impl RedisServer {
    /// Starts a Redis server that keeps nothing on disk.
    pub fn start() -> Self {
        Self::start_with(Make::Redis, &[])
    }

    /// Starts a server with these options, such as `--appendonly yes`, word by word.
    ///
    /// It keeps nothing on disk unless an option says so.
    pub fn start_with(make: Make, options: &[&str]) -> Self {
        let options = options.iter().map(|&option| option.to_owned()).collect();
        Self::start_on(tempfile::tempdir().expect("a folder is made"), make, options)
    }

    /// Starts another server of this kind, on copies of all that this one holds; nobody may be
    /// writing there.
    #[must_use]
    pub fn copy(&self) -> Self {
        self.call(&["SAVE"]);
        let folder = tempfile::tempdir().expect("a folder is made");
        copy_files(self.folder(), folder.path());
        Self::start_on(folder, self.make, self.options.clone())
    }

    fn start_on(folder: TempDir, make: Make, options: Vec<String>) -> Self {
        let password = options.windows(2).find(|pair| pair[0] == "--requirepass");
        let password = password.map(|pair| pair[1].clone());
        let mut server = Self { make, folder, port: 0, options, password, child: None };
        for _ in 0..PORTS_TRIED {
            server.port = free_port();
            if server.try_run() {
                return server;
            }
        }
        panic!("the server does not start:\n{}", server.output());
    }

    /// Its port, on the loopback address.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The URL under which a log is opened there.
    pub fn url(&self) -> String {
        match &self.password {
            Some(password) => format!("redis://:{password}@{}/0", self.address()),
            None => format!("redis://{}/0", self.address()),
        }
    }

    /// The folder that holds its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The id of its process.
    pub fn process_id(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// What it has printed.
    pub fn output(&self) -> String {
        fs::read_to_string(self.output_path()).unwrap_or_default()
    }

    /// A connection for commands in the words of `redis-cli`.
    pub fn client(&self) -> RespClient {
        let mut client =
            RespClient::connect(&self.address()).expect("the server takes connections");
        if let Some(password) = &self.password {
            client.call(&["AUTH", password]).expect("the password is right");
        }
        client
    }

    /// Runs one command on a connection of its own; an error of the server fails the test.
    pub fn call(&self, words: &[&str]) -> Answer {
        self.client().call(words).expect("the server answers")
    }

    /// Kills it as `kill -9` does, and waits until it is gone; its files stay.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may be gone already.
            let _ = child.kill();
            child.wait().expect("a child of ours can be waited for");
        }
    }

    /// Starts it again on the same port and the same files, and waits until it answers.
    ///
    /// One that still runs is killed before.
    pub fn restart(&mut self) {
        self.kill();
        let deadline = Instant::now() + PATIENCE;
        while !self.try_run() {
            assert!(Instant::now() < deadline, "it does not start again:\n{}", self.output());
        }
    }

    /// Sends it a signal, by its name without `SIG`; between `STOP` and `CONT` it keeps its connections
    /// and says nothing.
    pub fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.process_id());
        let status = Command::new("sh").args(["-c", &kill]).status().expect("there is a shell");
        assert!(status.success(), "no process took SIG{signal}");
    }

    fn output_path(&self) -> PathBuf {
        self.folder.path().join("output")
    }

    /// Runs it; returns whether it is up, and not ended at once.
    fn try_run(&mut self) -> bool {
        let output = fs::File::create(self.output_path()).expect("a file is made");
        let port = self.port.to_string();
        let child = Command::new(self.make.program())
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--dir", "."])
            .args(&self.options)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.make.program().display()));
        let own_id = child.id();
        self.child = Some(child);
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let child = self.child.as_mut().expect("it was just put there");
            if !matches!(child.try_wait(), Ok(None)) {
                self.child = None;
                return false;
            }
            if self.answering_process() == Some(own_id) {
                return true;
            }
            pause();
        }
        panic!("the server does not answer:\n{}", self.output());
    }

    /// The process that answers on the port, once it has read its files.
    fn answering_process(&self) -> Option<u32> {
        let mut client = RespClient::connect(&self.address()).ok()?;
        if let Some(password) = &self.password {
            client.call(&["AUTH", password]).ok()?;
        }
        client.call(&["DBSIZE"]).ok()?;
        let info = client.call(&["INFO", "server"]).ok()?.text();
        let line = info.lines().find_map(|line| line.strip_prefix("process_id:"))?;
        line.trim().parse().ok()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Copies a folder and all that is in it.
fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder is made");
    for entry in fs::read_dir(from).expect("it is a folder") {
        let entry = entry.expect("it is readable");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("it has a type").is_dir() {
            copy_files(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("it is copied");
        }
    }
}

/// A port that nobody listens on at this moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

#[allow(clippy::disallowed_methods, reason = "another process offers nothing to wait on")]
fn pause() {
    std::thread::sleep(BETWEEN_LOOKS);
}
