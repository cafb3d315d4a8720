//! Faults on cue over HTTP, for tests: only in a build with the feature `faults`.

use std::sync::LazyLock;

use actix_web::{HttpResponse, web};
use ordershop_actors::runtime::fault::{Unfit, arm, arm_unfit};
use ordershop_supervisors::Tree;
use tokio::sync::broadcast;
use uuid::Uuid;

/// How many crashes may be ordered before one is carried out; of more the oldest are forgotten.
const MAX_ORDERED: usize = 64;

/// The paths of what shall crash.
static CRASHES: LazyLock<broadcast::Sender<String>> =
    LazyLock::new(|| broadcast::channel(MAX_ORDERED).0);

/// Crashes whatever tests name, for as long as it is polled.
pub(crate) async fn crash_on_cue(tree: &Tree) {
    let mut crashes = CRASHES.subscribe();
    loop {
        if let Ok(path) = crashes.recv().await
            && let Err(error) = tree.kill(&path).await
        {
            tracing::error!(%error, "nothing was crashed");
        }
    }
}

/// A test's order: what is up at that path of the tree shall crash.
pub(super) async fn crash(path: web::Path<String>) -> HttpResponse {
    let told = CRASHES.send(path.into_inner());
    done(told.is_ok())
}

/// A test's order: the handler of that entity's next command shall panic.
pub(super) async fn panic_once(path: web::Path<(String, Uuid)>) -> HttpResponse {
    let (topic, id) = path.into_inner();
    arm(&topic, id);
    done(true)
}

/// A test's order: that subscriber's handler shall fail on the entity's events by an `error`, or a
/// `panic`, or no more.
pub(super) async fn be_unfit(path: web::Path<(String, String, Uuid, String)>) -> HttpResponse {
    let (subscriber, topic, id, how) = path.into_inner();
    let how = match &*how {
        "error" => Some(Unfit::Error),
        "panic" => Some(Unfit::Panic),
        _ => None,
    };
    arm_unfit(&subscriber, &topic, id, how);
    done(true)
}

fn done(done: bool) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(done.to_string())
}
