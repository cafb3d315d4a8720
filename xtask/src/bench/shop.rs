//! A release build of the shop, on a folder that is removed with it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::http::Client;
use crate::shell::{Failed, announce};

/// A running shop.
pub(super) struct Shop {
    process: Child,
    address: SocketAddr,
    folder: PathBuf,
}

impl Shop {
    /// Starts the program on an empty folder and waits until it serves.
    pub(super) fn start(program: &Path, folder: &Path) -> Result<Self, Failed> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        announce(&format!("{} serve --store embedded:{}", program.display(), folder.display()));
        let mut process = Command::new(program)
            .args(["serve", "--http", "127.0.0.1:0", "--mail", "none", "--store"])
            .arg(format!("embedded:{}", folder.join("log").display()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines =
            process.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines);
        let address = lines.find_map(|line| address_in(&line.ok()?));
        let mut shop =
            Self { process, address: SocketAddr::from(([0; 4], 0)), folder: folder.to_owned() };
        // From here on, a failure ends the process, since the shop is dropped.
        shop.address = address.ok_or_else(|| Failed::because("the shop did not start"))?;
        // What it prints later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(shop)
    }

    /// Where it serves.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A folder on the disk that it writes to.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// How many bytes its log has.
    pub(super) fn log_bytes(&self) -> Result<u64, Failed> {
        let mut bytes = 0;
        for entry in fs::read_dir(self.folder.join("log"))? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|extension| extension == "log") {
                bytes += entry.metadata()?.len();
            }
        }
        Ok(bytes)
    }

    /// Creates one entity and gives back its id.
    pub(super) fn create(&self, path: &str, entity: &Value) -> Result<String, Failed> {
        let answer = Client::new(self.address).send("POST", path, Some(entity))?;
        let ids: Vec<String> = serde_json::from_slice(&answer.body).unwrap_or_default();
        ids.into_iter()
            .next()
            .ok_or_else(|| Failed::because(format!("POST {path}: {}", answer.shown())))
    }

    /// Ends the shop and removes its folder.
    pub(super) fn stop(mut self) -> Result<(), Failed> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(fs::remove_dir_all(&self.folder)?)
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        // Both fail harmlessly when it has been stopped already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The address in a line that holds `http://ADDRESS`.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, address) = line.split_once("http://")?;
    address.split([' ', '/']).next()?.parse().ok()
}
