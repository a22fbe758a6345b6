//! Getting a connection back to where nothing of the last request is left.

use std::pin::pin;
use std::time::Duration;

use tokio::time::Instant;

use super::Pool;
use crate::postgres::{Server, TransactionStatus};

/// Waits for what is under way and ends an open transaction; false if that did not bring it back.
pub(super) async fn settle(server: &Server) -> bool {
    if server.is_idle() {
        return true;
    }
    // An error reaches its reader shortly before the server is ready again.
    if server.client().check_connection().await.is_err() {
        return false;
    }
    match server.status() {
        Some(TransactionStatus::Idle) => true,
        Some(_) => server.command("ROLLBACK").await.is_ok() && server.is_idle(),
        None => false,
    }
}

/// Undoes what a request may have done to the session; false if that cannot be done.
pub(super) async fn undo(pool: &Pool, server: &Server) -> bool {
    pool.0.metrics.reset();
    server.reset().await.is_ok() && server.is_idle()
}

/// Takes back a connection whose borrower left in the middle: cancels what runs, waits, and undoes everything.
pub(super) async fn reclaim(pool: &Pool, server: &Server) -> bool {
    const PATIENCE: Duration = Duration::from_secs(10);
    const SHORTLY: Duration = Duration::from_millis(5);
    const AGAIN: Duration = Duration::from_millis(500);
    if server.is_closed() {
        return false;
    }
    let back = async {
        // What was asked last may not even be on its way yet: only an answer shows that nothing is.
        let mut answered = pin!(server.client().check_connection());
        let mut cancelled: Option<(Instant, usize)> = None;
        while tokio::time::timeout(SHORTLY, answered.as_mut()).await.is_err() {
            // Each of several that stand one behind the other has a cancel of its own; and one may have come before what it was to
            // cancel.
            if cancelled.is_some_and(|(at, left)| at.elapsed() < AGAIN && server.under_way() >= left) {
                continue;
            }
            pool.0.metrics.cancel();
            let left = server.under_way();
            if server.canceller().cancel().await.is_err() {
                return false;
            }
            cancelled = Some((Instant::now(), left));
        }
        settle(server).await && undo(pool, server).await
    };
    tokio::time::timeout(PATIENCE, back).await.unwrap_or(false)
}
