//! `cargo xtask bench`: what the shop does in a second, beside the bare thing.
//!
//! A section is one file and one line in `sections`; it adds rows, each of which stands beside the
//! bare operation that bounds it, measured in the same run, because a number alone says more about
//! the machine than about the shop.

#[path = "../../tests/support/http.rs"]
#[allow(dead_code, reason = "the tests use all of the client, the bench a part")]
mod http;

#[path = "../../tests/support/resp.rs"]
#[allow(dead_code, reason = "the tests use all of the client, the bench a part")]
mod resp;

mod answer;
mod duel;
mod guard;
mod load;
mod machine;
mod options;
mod page;
mod process;
mod programs;
mod redis;
mod redis_benchmark;
mod resp_copy;
mod row;
mod sections;
mod server;
mod shop;
mod table;

use std::path::PathBuf;
use std::process::Stdio;

use crate::shell::Failed;
use crate::workspace::Workspace;
use machine::Machine;
use options::Options;
use programs::Programs;
use row::Row;
use sections::{SECTIONS, Section};
use shop::Folder;

pub(crate) const SUMMARY: &str = "what the shop does in a second, beside the bare thing";
pub(crate) const HELP: &str = "
Builds everything in release and measures it, section by section. Each figure stands beside the bare
thing that bounds it, measured in the same run and in turn with it, so that a busy machine slows both.

  cargo xtask bench                   every section; writes docs/benchmarks.md (about ten minutes)
  cargo xtask bench http              the sections of one group
  cargo xtask bench customers --quick a fast look

Sections, by group:
  http    customers, orders, queries   the shop over HTTP
  log     log                          appends to the log, beside a bare file
  redis   redis                        the same on a Redis server, beside redis-benchmark
  resp    resp                         queries over RESP, beside a Redis server with the same keys
  inside  entities, handlers,          an entity's memory; how soon a handler hears of a command;
          supervision                  a cell beside actors of actix, kameo and ractor
  start   start                        starts, replay and memory with a million events

Options:
  --seconds N   how long each point is measured on each side [default: 5, with --quick 1]
  --events N    how many events a large log has [default: 1000000, with --quick 40000]
  --quick       one short round for each point; the page is not written
  --json        rows as JSON on stdout, one a line; all else goes to stderr

How it measures: the load generator is one thread of this program; it sends each connection's next
request when its answer is there, so a rate is what server and generator together reach on this machine.
Only answers with 200 count. At most 256 requests are under way, less than one client's share of the
default limits, so none should be refused; those that are, are told. CPU is the server's processor time
for each request, user and system; of the shop it includes what its subscribers still do for these
requests after the round. Latencies are the client's. The lag is how many entries all subscribers had
before them at the end of the worst round, then the seconds until all of them had saved that they had
none. Logs are kept below the target folder, on a real disk, and removed at the end.
";

/// What a section needs.
struct Bench<'a> {
    workspace: &'a Workspace,
    options: &'a Options,
    /// Where logs and the like are kept: a folder on a real disk.
    scratch: PathBuf,
}

impl Bench<'_> {
    /// An empty folder that goes with the value.
    fn folder(&self, name: &str) -> Result<Folder, Failed> {
        Folder::new(self.scratch.join(name))
    }

    /// The shop, and some programs out of `benches/`. All are built at once: apart they would not
    /// share all of what they are made of.
    fn programs(&self, benches: &[&str]) -> Result<Programs, Failed> {
        let mut what = vec!["--package", "ordershop", "--bins"];
        what.extend(benches.iter().flat_map(|bench| ["--bench", bench]));
        Programs::build(self.workspace, &what)
    }

    /// How long a program measures each point, and in how many rounds, as its arguments.
    fn time(&self) -> [String; 2] {
        [self.options.measured.as_secs_f64().to_string(), self.options.rounds.to_string()]
    }
}

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failed> {
    let options = Options::parse(arguments)?;
    if cfg!(debug_assertions) {
        return run_optimised(workspace, arguments);
    }
    let scratch = Folder::new(workspace.target_folder()?.join("bench"))?;
    let bench = Bench { workspace, options: &options, scratch: scratch.path().to_owned() };
    let machine = Machine::look(workspace, scratch.path())?;
    eprintln!("{machine}");
    let mut measured: Vec<(&Section, Vec<Row>)> = Vec::new();
    for section in SECTIONS.iter().filter(|section| options.wants(section.name, section.group)) {
        eprintln!("\n==> {}", section.name);
        let mut rows = Vec::new();
        let done = (section.run)(&bench, &mut rows);
        if options.json {
            for row in &rows {
                let mut row = row.to_json();
                row["section"] = section.name.into();
                println!("{row}");
            }
        } else {
            println!("\n{}", table::plain(&rows));
        }
        done?;
        measured.push((section, rows));
    }
    if options.sections.is_empty() && !options.quick {
        page::write(workspace.root(), &machine, &measured)?;
    }
    Ok(())
}

/// A load generator that is not optimised would measure itself.
fn run_optimised(workspace: &Workspace, arguments: &[String]) -> Result<(), Failed> {
    eprintln!("==> building xtask in release");
    let chore = ["run", "--release", "--quiet", "--package", "xtask", "--", "bench"];
    let status = workspace.cargo(chore).args(arguments).stdin(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(Failed::because("see above")) }
}
