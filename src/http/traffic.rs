//! The requests that are under way, so that a stop can wait for them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError, web};
use tokio::sync::Notify;

use super::problem::Problem;

/// Counts requests; once it is closed, those under way are answered and others turned away.
///
/// Who closes stores `closed`, then loads `under_way`; a request adds to `under_way`, then loads
/// `closed`. One of both must see the other, so the order is sequentially consistent.
#[derive(Default)]
pub(super) struct Traffic {
    under_way: AtomicUsize,
    closed: AtomicBool,
    closing: Notify,
    idle: Notify,
}

/// One request, for as long as it lives.
struct Request<'a>(&'a Traffic);

impl Drop for Request<'_> {
    fn drop(&mut self) {
        if self.0.under_way.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

impl Traffic {
    /// Turns away whatever comes from now on.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.closing.notify_waiters();
    }

    /// Waits until it is closed.
    pub(super) async fn until_closed(&self) {
        let closing = self.closing.notified();
        if !self.is_closed() {
            closing.await;
        }
    }

    /// Whether it turns requests away.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Waits until no request is under way, but no longer than that.
    pub(super) async fn until_idle(&self, patience: Duration) {
        let idle = async {
            loop {
                let notified = self.idle.notified();
                if self.under_way.load(Ordering::SeqCst) == 0 {
                    return;
                }
                notified.await;
            }
        };
        if tokio::time::timeout(patience, idle).await.is_err() {
            tracing::warn!("some requests were not answered in time");
        }
    }
}

/// The middleware that counts.
pub(super) async fn count<B: MessageBody + 'static>(
    traffic: web::Data<Traffic>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    traffic.under_way.fetch_add(1, Ordering::SeqCst);
    let _under_way = Request(&traffic);
    let mut response = if traffic.is_closed() {
        request.into_response(Problem::closing().error_response()).map_into_right_body()
    } else {
        next.call(request).await?.map_into_left_body()
    };
    if traffic.is_closed() {
        response
            .response_mut()
            .head_mut()
            .set_connection_type(actix_web::http::ConnectionType::Close);
    }
    Ok(response)
}
