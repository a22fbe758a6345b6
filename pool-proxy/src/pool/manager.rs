//! What deadpool keeps: connections that have come back, and those that are taken over from the dialer.

use deadpool::managed::{self, Metrics as Usage, RecycleError, RecycleResult};

use super::dial::Dialer;
use crate::postgres::Server;

/// deadpool's view of a [`Server`].
pub(super) struct Manager {
    dialer: Dialer,
}

/// There is none to be had at once.
#[derive(Debug, thiserror::Error)]
#[error("no connection is ready")]
pub(super) struct NoneReady;

impl Manager {
    pub(super) fn new(dialer: Dialer) -> Self {
        Self { dialer }
    }
}

impl managed::Manager for Manager {
    /// Boxed: a lease is handed from place to place.
    type Type = Box<Server>;
    type Error = NoneReady;

    /// Opens nothing itself.
    async fn create(&self) -> Result<Box<Server>, NoneReady> {
        while let Some(mut server) = self.dialer.take() {
            if server.has_answered().await {
                return Ok(Box::new(server));
            }
        }
        Err(NoneReady)
    }

    async fn recycle(&self, server: &mut Box<Server>, _: &Usage) -> RecycleResult<NoneReady> {
        if server.is_idle() && !self.dialer.is_outdated(server) && server.has_answered().await {
            Ok(())
        } else {
            Err(RecycleError::message("the connection is gone, or outdated"))
        }
    }
}
