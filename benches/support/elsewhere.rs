//! Work on a thread that is not the actors' own, as an HTTP worker is.

use std::thread;

use tokio::sync::oneshot;

use super::Failure;

/// Runs something on a thread of its own, with a runtime of its own.
pub(crate) async fn elsewhere<T, F>(work: impl FnOnce() -> F + Send + 'static) -> Result<T, Failure>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Failure>>,
{
    let (answer, done) = oneshot::channel();
    let thread = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let result = runtime.map_err(Failure::from).and_then(|runtime| runtime.block_on(work()));
        // Whoever waits cannot be gone: it waits below.
        drop(answer.send(result));
    });
    let result = done.await;
    thread.join().map_err(|_| "a thread panicked")?;
    result?
}
