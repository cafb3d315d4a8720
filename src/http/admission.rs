//! Admission: how much may be under way at once, and how much of it for one client.
//!
//! The rule is that of dynamic thresholds: a client may have as much under way as is still free.
//! So nobody is refused while less than half is taken; one greedy client gets half, two get a third
//! each, and something is always free for whoever comes next.
//!
//! Source: Choudhury and Hahne, "Dynamic Queue Length Thresholds for Shared-Memory Packet Switches",
//! IEEE/ACM Transactions on Networking 6(2), 1998.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, ResponseError, web};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::task::JoinHandle;

use super::problem::{Kind, Problem};

/// How many bytes the bodies of all commands under way have at most.
const MAX_BODIES_BYTES: usize = 256 * 1024 * 1024;
/// Of a refused request so much is read and dropped, and for so long.
const MAX_DISCARDED_BYTES: usize = 64 * 1024;
const DISCARD_PATIENCE: Duration = Duration::from_millis(100);
/// How long an answer that is made while it is sent may take to be sent.
const SENDING_PATIENCE: Duration = Duration::from_mins(10);
/// These paths are for whoever wants to know why the shop is busy.
const ALWAYS_OPEN: &str = "/ops/";

/// How many requests may be under way at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Commands.
    pub commands: NonZeroUsize,
    /// Queries, until their answers are sent.
    pub queries: NonZeroUsize,
}

/// What is under way, by kind.
pub(super) struct Admission {
    commands: Gate,
    queries: Gate,
    body_bytes: Gate,
}

impl Admission {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            commands: Gate::new(limits.commands.get()),
            queries: Gate::new(limits.queries.get()),
            body_bytes: Gate::new(MAX_BODIES_BYTES),
        }
    }

    /// The place that the body of this request takes; it is empty yet.
    pub(super) fn body(&self, request: &HttpRequest) -> Taken {
        let client = client(request.peer_addr());
        Taken { gate: self.body_bytes.clone(), client, units: 0 }
    }
}

/// A number of units that clients share; clones share them, too.
#[derive(Clone)]
struct Gate {
    limit: usize,
    taken: Arc<Mutex<Shares>>,
}

/// Who has how much.
#[derive(Default)]
struct Shares {
    all: usize,
    by_client: HashMap<IpAddr, usize>,
}

impl Gate {
    fn new(limit: usize) -> Self {
        Self { limit, taken: Arc::default() }
    }

    /// Takes some units for a client, if it will not have more than was free before.
    fn take(&self, client: IpAddr, units: usize) -> Option<Taken> {
        let mut taken = Taken { gate: self.clone(), client, units: 0 };
        taken.grow(units).then_some(taken)
    }

    fn shares(&self) -> MutexGuard<'_, Shares> {
        // Nothing can panic between its two changes.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Units that a client has; they are given back when this goes.
pub(super) struct Taken {
    gate: Gate,
    client: IpAddr,
    units: usize,
}

impl Taken {
    /// Takes some more units, or none, where that is more than the client's share.
    pub(super) fn grow(&mut self, units: usize) -> bool {
        let mut shares = self.gate.shares();
        let free = self.gate.limit.saturating_sub(shares.all);
        let own = shares.by_client.get(&self.client).copied().unwrap_or_default();
        if own.saturating_add(units) > free {
            return false;
        }
        shares.all += units;
        shares.by_client.insert(self.client, own + units);
        self.units += units;
        true
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut shares = self.gate.shares();
        shares.all -= self.units;
        if let Some(own) = shares.by_client.get_mut(&self.client) {
            *own -= self.units;
            if *own == 0 {
                shares.by_client.remove(&self.client);
            }
        }
    }
}

/// Who counts as one client: an IPv4 address, or an IPv6 network of 64 bits, as one subscriber has.
fn client(address: Option<SocketAddr>) -> IpAddr {
    match address.map(|address| address.ip().to_canonical()) {
        Some(IpAddr::V6(address)) => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(network))
        }
        Some(address) => address,
        None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    }
}

/// The middleware that admits requests or turns them away, before anything of a body is read.
pub(super) async fn admit<B: MessageBody + 'static>(
    admission: web::Data<Admission>,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse, Error> {
    if request.path().starts_with(ALWAYS_OPEN) {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let (gate, what) = match *request.method() {
        Method::GET | Method::HEAD => (&admission.queries, "queries"),
        _ => (&admission.commands, "commands"),
    };
    let Some(taken) = gate.take(client(request.peer_addr()), 1) else {
        discard_body(&mut request).await;
        let detail = format!("more {what} are under way than are taken at once");
        let refusal = Problem::new(Kind::Unavailable, detail).error_response();
        return Ok(request.into_response(refusal));
    };
    let response = next.call(request).await?;
    Ok(response.map_body(|_, body| match body.size() {
        BodySize::Stream => BoxBody::new(Held::new(body.boxed(), taken, SENDING_PATIENCE)),
        BodySize::None | BodySize::Sized(_) => body.boxed(),
    }))
}

/// Reads and drops a small body, so that the connection of a refused request can go on; behind any
/// other unread body the server closes it.
async fn discard_body(request: &mut ServiceRequest) {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > MAX_DISCARDED_BYTES) {
        return;
    }
    let mut payload = request.take_payload();
    let discard = async {
        let mut discarded = 0;
        while let Some(Ok(chunk)) = payload.next().await {
            discarded += chunk.len();
            if discarded > MAX_DISCARDED_BYTES {
                return;
            }
        }
    };
    // One that takes longer is no small body, and need not be waited for.
    drop(tokio::time::timeout(DISCARD_PATIENCE, discard).await);
}

/// A body that is still being made, and so counts as under way until it is sent.
///
/// One whose client does not take it in time is given up. Nobody asks a body for more while its
/// client takes nothing, so a timer outside must drop it, and with it the view that it is made from.
struct Held {
    rest: Rc<RefCell<Option<(BoxBody, Taken)>>>,
    size: BodySize,
    timer: JoinHandle<()>,
}

impl Held {
    fn new(body: BoxBody, taken: Taken, patience: Duration) -> Self {
        let size = body.size();
        let rest = Rc::new(RefCell::new(Some((body, taken))));
        let late = Rc::clone(&rest);
        let timer = actix_rt::spawn(async move {
            tokio::time::sleep(patience).await;
            drop(late.take());
        });
        Self { rest, size, timer }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.timer.abort();
        drop(self.rest.take());
    }
}

impl MessageBody for Held {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        match &mut *self.rest.borrow_mut() {
            Some((body, _)) => body.as_pin_mut().poll_next(cx),
            // An error cuts the answer off, so that nobody takes it for whole.
            None => Poll::Ready(Some(Err("the answer was not taken in time".into()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
    }

    /// Takes single units for a client until no more are to be had.
    fn take_all(gate: &Gate, client: IpAddr) -> Vec<Taken> {
        std::iter::from_fn(|| gate.take(client, 1)).collect()
    }

    #[test]
    fn a_greedy_client_gets_half_and_the_next_ones_their_share() {
        let gate = Gate::new(64);
        let first = take_all(&gate, address(1));
        assert_eq!(first.len(), 32);
        let second = take_all(&gate, address(2));
        assert_eq!(second.len(), 16);
        drop(first);
        assert_eq!(take_all(&gate, address(2)).len(), 16, "it may have half now");
        drop(second);
    }

    #[test]
    fn nobody_is_refused_below_half_and_a_newcomer_not_while_anything_is_free() {
        for limit in [1, 2, 3, 7, 100] {
            let gate = Gate::new(limit);
            let mut taken = Vec::new();
            for client in 0..100 {
                taken.extend(gate.take(address(client), 1));
                assert_eq!(taken.len(), limit.min(usize::from(client) + 1), "{limit}");
            }
            drop(taken);
            assert_eq!(take_all(&gate, address(1)).len(), limit.div_ceil(2));
            let shares = gate.shares();
            assert!(shares.all == 0 && shares.by_client.is_empty());
        }
    }

    #[test]
    fn what_grows_takes_the_whole_step_or_nothing() {
        let gate = Gate::new(100);
        let mut taken = gate.take(address(1), 0).unwrap();
        assert!(taken.grow(40));
        assert!(!taken.grow(30));
        assert!(taken.grow(10));
        assert_eq!(gate.shares().all, 50);
    }

    #[actix_web::test]
    async fn an_answer_that_is_not_taken_in_time_is_given_up() {
        let gate = Gate::new(2);
        let hold = |patience| {
            let chunks = futures_util::stream::repeat_with(|| Ok::<_, Error>(Bytes::new()));
            let body = actix_web::body::BodyStream::new(chunks).boxed();
            Held::new(body, gate.take(address(1), 1).unwrap(), patience)
        };
        let taken = hold(Duration::from_mins(1));
        assert_eq!(gate.shares().all, 1);
        drop(taken);
        assert_eq!(gate.shares().all, 0, "what was sent, or cut off, is given back");

        let left = hold(Duration::from_millis(1));
        while gate.shares().all > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(actix_web::body::to_bytes(left).await.is_err());
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let of = |text: &str| client(Some(SocketAddr::new(text.parse().unwrap(), 1)));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
    }
}
