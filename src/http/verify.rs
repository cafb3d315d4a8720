//! `GET /ops/verify`: the check of the log, told line by line while it goes on.

use std::convert::Infallible;

use actix_web::{HttpResponse, web};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc;

use super::Ops;
use super::problem::{Kind, Problem};
use super::traffic::Traffic;
use crate::ops::verify::line::Line;
use crate::ops::verify::running::{LINES_WAITING, RunningCheck};

/// `GET /ops/verify`.
pub(super) async fn verify(
    ops: web::Data<Ops>,
    traffic: web::Data<Traffic>,
) -> Result<HttpResponse, Problem> {
    let check = RunningCheck::begin(&ops.log, ops.files.as_deref()).ok_or_else(|| {
        let detail = "the log is being checked for somebody else; only one check runs at a time";
        Problem::new(Kind::Unavailable, detail)
    })?;
    let (sender, mut lines) = mpsc::channel::<Bytes>(LINES_WAITING);
    actix_rt::spawn(async move {
        tokio::select! {
            () = check.tell(&sender) => {}
            // Nobody listens any more.
            () = sender.closed() => {}
            () = traffic.until_closed() => {
                let line = Line::Failed("the shop is closing".to_owned()).to_json() + "\n";
                // Where there is no room for it, the answer ends without a last line.
                let _ = sender.try_send(line.into());
            }
        }
    });
    let lines = stream::poll_fn(move |cx| lines.poll_recv(cx).map(|l| l.map(Ok::<_, Infallible>)));
    Ok(HttpResponse::Ok().content_type("application/x-ndjson").streaming(lines))
}
