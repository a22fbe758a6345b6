//! Cancelling what a session runs, such that nobody else is ever hit.
//!
//! Postgres acts on a cancel request after the requester's socket has got it. It closes that socket when it has sent
//! the signal; only then may the session be used again
//! (<https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS>).

use std::time::Duration;

use tokio_postgres::{CancelToken, NoTls};

use super::address::{Address, ConnectError};
use super::tap::Tap;
use super::tap_tls::{TapTls, tls_connect};
use super::tls::Tls;

/// How long a cancel request may take, until the server has closed its socket.
const PATIENCE: Duration = Duration::from_secs(5);

/// Cancels what one session runs.
pub struct Canceller {
    pub(super) token: CancelToken,
    pub(super) address: Address,
    pub(super) tls: Option<Tls>,
}

impl Canceller {
    /// Sends the cancel request and waits until Postgres has dealt with it. Afterwards the session's own answer says
    /// whether the cancel came in time.
    ///
    /// # Errors
    /// When the server could not be reached in time: then a cancel may still be under way, and the session must not
    /// be used again.
    pub async fn cancel(&self) -> Result<(), ConnectError> {
        tokio::time::timeout(PATIENCE, self.request()).await.map_err(|_| ConnectError::timed_out(&self.address))?
    }

    async fn request(&self) -> Result<(), ConnectError> {
        let socket = self.address.open().await?;
        let sent = match self.tls.as_ref().and_then(|tls| tls_connect(tls, &self.address.name)) {
            Some(tls) => self.token.cancel_query_raw(socket, TapTls::passive(tls)).await,
            None => self.token.cancel_query_raw(Tap::passive(socket), NoTls).await,
        };
        sent.map_err(|error| ConnectError::startup(&error))
    }
}
