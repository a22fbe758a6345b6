//! What a text of several statements did, as far as it is seen in passing.

/// `CopyFail` with a reason (<https://www.postgresql.org/docs/current/protocol-message-formats.html>).
pub(super) const COPY_FAIL: &[u8] = b"f\0\0\0\x1dCOPY cannot be sent here\0";

/// What has passed by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passed {
    /// A command that begins or ends a transaction.
    pub ends: bool,
    /// A ROLLBACK, which may be one to a savepoint.
    pub rolls_back: bool,
    /// A COPY to or from the client. Its data is dropped, and it gets none.
    pub copies: bool,
}

impl Passed {
    pub(super) fn note(&mut self, tag: &[u8]) {
        self.ends |= matches!(tag, b"BEGIN" | b"START TRANSACTION" | b"COMMIT" | b"PREPARE TRANSACTION");
        self.rolls_back |= tag == b"ROLLBACK";
    }
}

/// `CopyInResponse`, `CopyOutResponse`, `CopyData`, `CopyDone`.
pub(super) fn is_copy(kind: u8) -> bool {
    matches!(kind, b'G' | b'H' | b'd' | b'c')
}
