//! What a text of several statements did, as far as it is seen in passing.

use crate::postgres::server::may_change_schema;

/// `CopyFail` with a reason (<https://www.postgresql.org/docs/current/protocol-message-formats.html>).
pub(super) const COPY_FAIL: &[u8] = b"f\0\0\0\x1dCOPY cannot be sent here\0";

/// What has passed by.
// Independent facts, not a state.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passed {
    /// A command that begins or ends a transaction.
    pub ends: bool,
    /// A ROLLBACK, which may be one to a savepoint.
    pub rolls_back: bool,
    /// A command that may define something, or change rights.
    pub defines: bool,
    /// A COPY to or from the client. Its data is dropped, and it gets none.
    pub copies: bool,
}

impl Passed {
    pub(super) fn note(&mut self, tag: &[u8]) {
        self.ends |= matches!(tag, b"BEGIN" | b"START TRANSACTION" | b"COMMIT" | b"PREPARE TRANSACTION");
        self.rolls_back |= tag == b"ROLLBACK";
        // A SELECT INTO says what a SELECT says.
        self.defines |=
            std::str::from_utf8(tag).is_ok_and(|tag| !tag.starts_with("COPY") && may_change_schema(tag, true));
    }
}

/// `CopyInResponse`, `CopyOutResponse`, `CopyData`, `CopyDone`.
pub(super) fn is_copy(kind: u8) -> bool {
    matches!(kind, b'G' | b'H' | b'd' | b'c')
}
