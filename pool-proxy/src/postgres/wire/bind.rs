//! Which executions have text results.

use bytes::Buf;

/// Whether a Bind (without its header) has no binary parameter and ends in tokio-postgres's one binary result code.
pub(super) fn wants_text(bind: &[u8]) -> bool {
    let mut rest = bind;
    for _ in ["portal", "statement"] {
        let Some(end) = rest.iter().position(|byte| *byte == 0) else { return false };
        rest = &rest[end + 1..];
    }
    if rest.len() < 2 || !bind.ends_with(&[0, 1, 0, 1]) {
        return false;
    }
    let formats = usize::from(rest.get_u16()) * 2;
    rest.get(..formats).is_some_and(|codes| codes.iter().all(|byte| *byte == 0))
}
