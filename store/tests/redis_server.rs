//! The servers that tests start are their own, and take their files up again.
#![cfg(feature = "conformance")]

use ordershop_store::conformance::resp_client::Answer;
use ordershop_store::conformance::{Make, RedisServer};

#[test]
fn a_killed_server_has_what_it_acknowledged() {
    for make in [Make::Redis, Make::Valkey] {
        let options = ["--appendonly", "yes", "--appendfsync", "always", "--requirepass", "secret"];
        let mut server = RedisServer::start_with(make, &options);
        let (port, process) = (server.port(), server.process_id());
        server.call(&["SET", "a", "1"]);
        server.restart();
        assert_eq!(server.call(&["GET", "a"]), Answer::Text("1".to_owned()));
        assert_eq!(server.port(), port);
        assert_ne!(server.process_id(), process);
    }
}
