//! Promise: past what can be served, a request is refused early with 503 and `Retry-After`; what is
//! accepted is answered, nobody is starved, memory stays, and afterwards all is as before.

mod support;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use socket2::{Domain, Socket, Type};
use support::fixture::assert_problem;
use support::http::{Answer, Client};
use support::shop::{Folder, Shop, serve_without_mails};
use support::size::size;
use support::wait::{eventually, pause};
use support::{list, text};

/// How many commands, and how many queries, the shop takes at once in these tests; so it takes half
/// of them from one client.
fn at_once() -> usize {
    size(8, 128)
}

/// A refusal takes no longer, on a machine that has other things to do besides.
const AT_ONCE_TIME: Duration = Duration::from_secs(2);
/// What a shop under overload may need besides what it stores.
const MEMORY_BYTES: u64 = 128 * 1024 * 1024;

fn start(folder: &Folder) -> Shop {
    let mut command = serve_without_mails(folder);
    let at_once = at_once().to_string();
    command.args(["--max-commands", &at_once, "--max-queries", &at_once]);
    Shop::start_as(command)
}

/// What one client saw.
#[derive(Default)]
struct Seen {
    accepted: Vec<Duration>,
    refused: Vec<Duration>,
}

impl Seen {
    fn add(&mut self, answer: &Answer, time: Duration, what: &str) {
        if answer.status == 200 {
            self.accepted.push(time);
        } else {
            let problem = assert_problem(answer, 503, what);
            assert_eq!(text(&problem["type"]), "/problems/unavailable", "{problem}");
            assert_eq!(answer.header("retry-after"), Some("1"));
            self.refused.push(time);
        }
    }

    fn join(all: impl IntoIterator<Item = Self>) -> Self {
        let mut joined = all.into_iter().fold(Self::default(), |mut joined, seen| {
            joined.accepted.extend(seen.accepted);
            joined.refused.extend(seen.refused);
            joined
        });
        joined.accepted.sort_unstable();
        joined.refused.sort_unstable();
        joined
    }
}

/// A client that the shop sees at this address of the machine.
fn client_at(source: Ipv4Addr, shop: SocketAddr) -> Client {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((source, 0)).into()).expect("an address of this machine");
    socket.connect(&shop.into()).expect("the shop listens");
    Client::over(socket.into()).expect("a connection")
}

/// Creates customers, one after the other, until it is told to stop.
fn create_until(ended: &AtomicBool, mut client: Client, name: &str) -> Seen {
    let customer = json!({"name": name, "email": "crowd@example.org"});
    let mut seen = Seen::default();
    while !ended.load(Ordering::SeqCst) {
        let begun = Instant::now();
        let answer = client.send("POST", "/customers", Some(&customer)).expect("an answer");
        seen.add(&answer, begun.elapsed(), name);
    }
    seen
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

/// How many clients come before the first is accepted.
const AT_ONCE: usize = 512;
/// A client's system asks again after one second, and then after ever longer ones.
const TAKEN_WITHIN: Duration = Duration::from_secs(10);

#[test]
fn clients_that_come_at_once_are_all_taken() {
    let folder = Folder::new();
    let shop = Shop::start(&folder);
    // While it does nothing at all, nobody is accepted.
    shop.signal("STOP");
    let connected: Vec<_> = (0..AT_ONCE)
        .map_while(|_| TcpStream::connect_timeout(&shop.address(), TAKEN_WITHIN).ok())
        .collect();
    shop.signal("CONT");
    assert_eq!(connected.len(), AT_ONCE);
    shop.stop();
}

#[test]
fn past_what_can_be_served_commands_are_refused_early_and_the_rest_is_answered() {
    let folder = Folder::new();
    let shop = start(&folder);
    // Ten times what one client may have under way.
    let connections = 5 * at_once();
    let time = Duration::from_secs(size(2, 60).try_into().expect("a small number"));
    let before = shop.resident_bytes();
    let ended = AtomicBool::new(false);
    let (crowd, patient) = thread::scope(|scope| {
        let crowd: Vec<_> = (0..connections)
            .map(|_| scope.spawn(|| create_until(&ended, shop.client(), "greedy")))
            .collect();
        // Another client, at another address of this machine, with one connection.
        let elsewhere = client_at(Ipv4Addr::new(127, 0, 0, 2), shop.address());
        let patient = scope.spawn(|| create_until(&ended, elsewhere, "patient"));
        pause(time);
        ended.store(true, Ordering::SeqCst);
        let join = |seen: thread::ScopedJoinHandle<'_, Seen>| seen.join().expect("no surprise");
        (Seen::join(crowd.into_iter().map(join)), Seen::join([join(patient)]))
    });

    // Right afterwards all is as before.
    let begun = Instant::now();
    let customers = shop.get("/customers");
    assert!(begun.elapsed() < AT_ONCE_TIME, "served after {:?}", begun.elapsed());
    let created =
        |name: &str| list(&customers).iter().filter(|customer| customer["name"] == name).count();
    assert_eq!(
        created("greedy"),
        crowd.accepted.len(),
        "what was accepted is there, and only that"
    );
    assert_eq!(created("patient"), patient.accepted.len());

    assert!(!crowd.accepted.is_empty() && !crowd.refused.is_empty());
    let refusal = percentile(&crowd.refused, 99);
    assert!(refusal < AT_ONCE_TIME, "99 of 100 refusals came within {refusal:?}");
    assert!(patient.refused.is_empty(), "{} of its requests were refused", patient.refused.len());
    assert!(!patient.accepted.is_empty());
    // A kilobyte is more than the log's indexes and the queries need for one of these.
    let stored = u64::try_from(list(&customers).len()).expect("a count") * 2048;
    let grown = shop.resident_bytes().saturating_sub(before);
    assert!(grown < MEMORY_BYTES + stored, "{grown} bytes more, {stored} of them for customers");
    println!(
        "{connections} connections: {} accepted (p99 {:?}), {} refused (p99 {refusal:?}), {grown} \
         bytes more in use",
        crowd.accepted.len(),
        percentile(&crowd.accepted, 99),
        crowd.refused.len(),
    );
}

#[test]
fn queries_wait_their_turn_or_are_refused_and_commands_go_on() {
    let folder = Folder::new();
    let shop = start(&folder);
    let customer = json!({"name": "Ada", "email": "ada@example.org"});
    shop.post("/customers", &customer);
    // They wait for what nobody will write.
    let future = [("OrderShop-Position", "customer@99999999999-0")];
    let (crowd, created) = thread::scope(|scope| {
        let crowd: Vec<_> = (0..5 * at_once())
            .map(|_| {
                scope.spawn(|| {
                    let begun = Instant::now();
                    let answer = shop.client().send_bytes("GET", "/customers", &future, None);
                    (answer.expect("an answer"), begun.elapsed())
                })
            })
            .collect();
        let created = shop.send("POST", "/customers", Some(&customer));
        let crowd = crowd.into_iter().map(|seen| seen.join().expect("no surprise"));
        (crowd.collect::<Vec<_>>(), created)
    });
    assert_eq!(created.status, 200, "{}", created.shown());
    let mut waited = 0;
    for (answer, _) in &crowd {
        let problem = assert_problem(answer, 503, "a query of the future");
        if text(&problem["detail"]).contains("lag") {
            waited += 1;
        }
    }
    assert!((1..=at_once()).contains(&waited), "{waited} queries waited");
    assert_eq!(list(&shop.get("/customers")).len(), 2);
}

/// Begins a command, and leaves it at that.
fn send_a_head(shop: SocketAddr) -> TcpStream {
    let head = "POST /customers HTTP/1.1\r\nHost: shop\r\nContent-Length: 100\r\n\r\n";
    let mut stream = TcpStream::connect(shop).expect("the shop listens");
    stream.write_all(head.as_bytes()).expect("the shop reads");
    stream
}

#[test]
fn a_refused_request_leaves_its_connection_usable_or_closed() {
    let folder = Folder::new();
    let mut command = serve_without_mails(&folder);
    command.args(["--max-commands", "1"]);
    let shop = Shop::start_as(command);
    let begun = Instant::now();
    let customer = json!({"name": "Ada", "email": "ada@example.org"});
    let mut client = shop.client();
    // A command whose body does not come holds the only place, once it has got it.
    let (holder, refused) = eventually("a refusal", || {
        let holder = send_a_head(shop.address());
        let answer = client.send("POST", "/customers", Some(&customer)).expect("an answer");
        if answer.status == 503 { Ok((holder, answer)) } else { Err(answer.shown()) }
    });
    assert_eq!(refused.header("connection"), None, "a small body is read, and the connection kept");
    for bytes in [1_000, 1_000_000, 8_000_000] {
        let body = format!("[{}]", " ".repeat(bytes));
        let sent = client.send_bytes("POST", "/customers", &[], Some(body.as_bytes()));
        let answer = sent.unwrap_or_else(|error| panic!("{bytes} bytes got no answer: {error}"));
        assert_problem(&answer, 503, "a refused body");
        let query = client.send("GET", "/customers", None).expect("queries are served");
        assert_eq!(query.status, 200);
    }
    assert!(begun.elapsed() < Duration::from_secs(15), "the holder is still there");
    drop(holder);
    eventually("the place to be free", || {
        let answer = client.send("POST", "/customers", Some(&customer)).expect("an answer");
        if answer.status == 200 { Ok(()) } else { Err(answer.shown()) }
    });
}
