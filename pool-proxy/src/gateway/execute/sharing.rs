//! Whether others may read through the connection of an execution.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::Execution;
use crate::error::Failure;
use crate::gateway::verdicts::Judged;
use crate::pool::Share;
use crate::postgres::{Multiplex, Prepared};

/// Whether others may.
#[derive(Default)]
pub(super) enum Sharing {
    /// Never.
    #[default]
    No,
    /// While it makes a read of the right sort, which is the one it has come to last.
    Yes(Option<Arc<Judged>>),
}

/// Opens once the read is sent: whatever stood before it would have to be waited for.
pub(super) async fn before_others<R>(mut read: Pin<&mut impl Future<Output = R>>, open: impl FnOnce()) -> R {
    let mut open = Some(open);
    poll_fn(|cx| {
        let polled = read.as_mut().poll(cx);
        if let (Some(open), true) = (open.take(), polled.is_pending()) {
            open();
        }
        polled
    })
    .await
}

impl Execution {
    /// Its only statement may let others read through its connection, too.
    pub(in crate::gateway) fn may_share(&mut self) {
        self.sharing = Sharing::Yes(None);
    }

    /// Which statement comes.
    pub(super) fn share_with(&mut self, judged: Option<&Arc<Judged>>) {
        if let Sharing::Yes(read) = &mut self.sharing {
            *read = judged.filter(|judged| judged.is_read()).cloned();
        }
    }

    /// The connection to make the read through, if others are to be let in behind it: those who would have to wait.
    pub(super) fn share(&mut self, statement: &Prepared) -> Option<(Share, Multiplex)> {
        let Sharing::Yes(Some(read)) = &self.sharing else { return None };
        if !read.is_light() || statement.columns().is_empty() {
            return None;
        }
        if self.database.is_full() { self.lease.share() } else { None }
    }

    /// Goes on alone, on another connection, if others are on this one; no others will be.
    pub(super) async fn leave_others(&mut self) -> Result<(), Failure> {
        self.sharing = Sharing::No;
        if self.lease.is_shared() { self.lease.swap(self.database.limits().queue).await } else { Ok(()) }
    }

    /// Takes note of how its answer was, for those who may read beside the next one.
    pub(in crate::gateway) fn note_read(&self, took: Duration, outcome: &Result<Vec<u8>, Failure>) {
        match (&self.sharing, outcome) {
            (Sharing::Yes(Some(read)), Ok(body)) => read.note(took, body.len()),
            (Sharing::Yes(Some(read)), Err(_)) => read.doubt(),
            _ => {}
        }
    }
}
