//! The log on a Redis server behind TLS, as a user with the rights that the documentation names and no
//! others; what is wrong with either is told at once, and never with the password.
#![cfg(feature = "conformance")]

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ordershop_store::conformance::{Fixture, RedisServer, TOPICS};
use ordershop_store::redis::{Options, Redis};
use ordershop_store::{CachedEntity, CachedField, EntityCache, LogError, Topic};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use uuid::Uuid;

const DOCUMENTATION: &str = include_str!("../../docs/redis.md");
const USER: &str = "ordershop";
const PASSWORD: &str = "a-Secret-0f-The-Test";
const ORDER: Topic = Topic::new("order");
/// What is wrong for good must not be waited for.
const AT_ONCE: Duration = Duration::from_secs(10);

/// A server that is reached through TLS, with a user of few rights.
struct OnTls {
    _server: RedisServer,
    at: SocketAddr,
    files: TempDir,
}

impl OnTls {
    async fn start() -> Self {
        Self::start_with(&rights()).await
    }

    async fn start_with(rights: &str) -> Self {
        let server = RedisServer::start();
        let words: Vec<_> = rights.split_whitespace().collect();
        server.call(&words);
        // What has no user of its own has no right.
        server.call(&["ACL", "SETUSER", "default", "off"]);
        let files = tempfile::tempdir().expect("a folder is made");
        let at = terminate_tls(server.address(), &files).await;
        Self { _server: server, at, files }
    }

    fn ca(&self) -> PathBuf {
        self.files.path().join("ca.pem")
    }

    fn url(&self) -> String {
        self.url_with(PASSWORD, &format!("?ca={}", self.ca().display()))
    }

    fn url_with(&self, password: &str, parameters: &str) -> String {
        format!("rediss://{USER}:{password}@localhost:{}/0{parameters}", self.at.port())
    }
}

/// The line of the documentation that makes the user.
fn rights() -> String {
    let line = DOCUMENTATION.lines().find(|line| line.starts_with("ACL SETUSER"));
    let line = line.expect("the documentation has it");
    line.replace("PASSWORD", PASSWORD)
}

/// Ends TLS before that server, with a certificate of an authority that nobody knows.
async fn terminate_tls(server: String, files: &TempDir) -> SocketAddr {
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let mut params = CertificateParams::new([]).expect("names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params, key).expect("a certificate");
    fs::write(files.path().join("ca.pem"), authority.pem()).expect("a file is written");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["localhost".to_owned()]).expect("names");
    let certificate = params.signed_by(&key, &authority).expect("a certificate");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a certificate and its key");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
    let at = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (acceptor, server) = (acceptor.clone(), server.clone());
            tokio::spawn(async move {
                let (Ok(mut client), Ok(mut server)) =
                    (acceptor.accept(client).await, TcpStream::connect(server).await)
                else {
                    return;
                };
                // Either may go at any time.
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    at
}

impl Fixture for OnTls {
    type Log = Redis;

    async fn new() -> Self {
        Self::start().await
    }

    async fn open(&self) -> Redis {
        Redis::open(&self.url(), &TOPICS, Options::default()).await.expect("the log opens")
    }

    fn stop_clock(&self, _: i64) -> bool {
        false
    }
}

ordershop_store::conformance!(OnTls:
    a_transaction_is_accepted_whole
    a_transaction_is_refused_whole
    keys_change_hands_within_a_batch
    pages_follow_each_other_without_gaps
    an_entity_is_read_by_its_versions
    the_latest_entry_of_each_entity
    ends_are_the_last_ids
    waiting_ends_with_an_append
    a_command_is_found_behind_later_ones
    the_last_set_cursor_counts
    the_last_saved_snapshot_counts
    the_last_saved_blob_counts
);

#[tokio::test]
async fn the_cache_needs_no_other_rights() {
    let place = OnTls::start().await;
    let log = Redis::open(&place.url(), &[ORDER], Options::default()).await.unwrap();
    let cache = log.cache();
    let id = Uuid::from_u128(1);
    let fields = vec![
        ("id".to_owned(), CachedField::Text(id.to_string())),
        ("product_ids".to_owned(), CachedField::List(vec!["a".to_owned()])),
    ];
    let lists = ["product_ids"];
    for fields in [Some(fields), None] {
        cache.write(ORDER, &lists, &[CachedEntity { id, fields }]).await.unwrap();
        cache.ids(ORDER, &lists).await.unwrap();
        cache.remove_strangers(ORDER, &lists).await.unwrap();
    }
}

/// The error of a log that does not open.
async fn refusal(url: &str) -> String {
    let begun = Instant::now();
    let opened = Redis::open(url, &TOPICS, Options::default()).await;
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    let error = opened.expect_err("it does not open");
    assert!(matches!(error, LogError::Refused(_)), "{error:?}");
    let told = format!("{error} {error:?}");
    assert!(!told.contains(PASSWORD) && !told.contains("wrong-password"), "{told}");
    told
}

#[tokio::test]
async fn a_wrong_password_is_told_without_it() {
    let place = OnTls::start().await;
    let ca = format!("?ca={}", place.ca().display());
    let told = refusal(&place.url_with("wrong-password", &ca)).await;
    assert!(told.to_lowercase().contains("password"), "{told}");
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_is_told() {
    let place = OnTls::start().await;
    let told = refusal(&place.url_with(PASSWORD, "")).await;
    assert!(told.contains("certificate"), "{told}");
    let other = OnTls::start().await;
    let told = refusal(&place.url_with(PASSWORD, &format!("?ca={}", other.ca().display()))).await;
    assert!(told.contains("certificate"), "{told}");
    let missing = refusal(&place.url_with(PASSWORD, "?ca=/no/such/file.pem")).await;
    assert!(missing.contains("/no/such/file.pem"), "{missing}");
}

#[tokio::test]
async fn a_missing_right_is_told() {
    for (right, told_as) in [("+xread", "can't run this command"), ("~ordershop:{*", "NOPERM")] {
        let place = OnTls::start_with(&rights().replace(right, "")).await;
        let told = refusal(&place.url()).await;
        assert!(told.contains(told_as), "{right}: {told}");
    }
}
