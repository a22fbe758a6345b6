//! Who is at the door: known, let in, and which database they came for.

use std::sync::Arc;

use super::credentials::Credentials;
use super::heads::Heads;
use super::ledger::Held;
use super::public::Public;
use crate::auth::Principal;
use crate::error::Failure;
use crate::gateway::{Admission, Database};

/// A request that was let in, until it is answered.
pub(super) struct Guest<'d> {
    door: &'d Public,
    pub(super) principal: Arc<Principal>,
    pub(super) database: &'d Arc<Database>,
    _admission: Admission,
}

impl<'d> Guest<'d> {
    /// By what the headers say.
    ///
    /// # Errors
    /// Why not.
    pub(super) async fn enter(door: &'d Public, headers: Heads<'_>) -> Result<Self, Failure> {
        Self::enter_with(door, &Credentials::from_headers(headers)?).await
    }

    /// The same, where more of the credentials is of interest.
    ///
    /// # Errors
    /// Why not.
    pub(super) async fn enter_with(door: &'d Public, credentials: &Credentials<'_>) -> Result<Self, Failure> {
        let principal = door.auth.authenticate(credentials.secret.as_deref()).await?;
        let admission = door.gateway.admit(&principal)?;
        let database = door.gateway.database(&principal, credentials.database.as_deref())?;
        Ok(Self { door, principal, database, _admission: admission })
    }

    /// Where the bytes of its body count.
    pub(super) fn place(&self) -> Held {
        self.door.ledger.open(&self.principal.line)
    }
}
