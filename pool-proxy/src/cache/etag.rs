//! What stands for the bytes of an answer.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use sha2::{Digest, Sha256};

/// So many bytes are hashed before other requests get the thread.
const CHUNK: usize = 256 << 10;

/// An answer's entity tag (RFC 9110, 8.8.3): half of the SHA-256 of its body and nothing else, so that it is the same at every
/// proxy, after a restart, and when the answer was dropped and is read anew. Of less than a hash that nobody can steer, who
/// writes to the database could make readers keep what is true no more.
///
/// It is a weak one, `W/"..."`: the same stands for the body as it is and as gzip, whose bytes differ. To ask whether a copy
/// is still good takes no more (8.8.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag(Bytes);

impl ETag {
    /// How many characters stand between its quotes.
    pub const LENGTH: usize = 22;

    /// Of a finished body.
    pub async fn of(body: &[u8]) -> Self {
        let mut hash = Sha256::new();
        for (index, chunk) in body.chunks(CHUNK).enumerate() {
            if index > 0 {
                tokio::task::yield_now().await;
            }
            hash.update(chunk);
        }
        let whole: [u8; 32] = hash.finalize().into();
        let (half, _) = whole.split_at(16);
        Self(format!("W/\"{}\"", URL_SAFE_NO_PAD.encode(half)).into())
    }

    /// As it stands in the header.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// What stands between its quotes.
    pub fn opaque(&self) -> &[u8] {
        self.0.get(3..3 + Self::LENGTH).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::ETag;

    #[tokio::test]
    async fn the_same_bytes_have_the_same_tag() {
        // printf '' | openssl dgst -sha256 -binary | head -c 16 | basenc --base64url
        let nothing = ETag::of(b"").await;
        assert_eq!(nothing.as_bytes(), "W/\"47DEQpj8HBSa-_TImW-5JA\"");
        assert_eq!(nothing.opaque(), b"47DEQpj8HBSa-_TImW-5JA");
        let long = vec![b'x'; 3 * super::CHUNK + 1];
        assert_eq!(ETag::of(&long).await, ETag::of(&long).await);
        assert_ne!(ETag::of(&long).await, ETag::of(&long[1..]).await);
    }
}
