//! API keys: 256 random bits, kept as their SHA-256. A slow hash is for passwords people choose; per request it would
//! cost more than a cached answer.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// The shortest key an operator may choose, in characters.
pub const SHORTEST: usize = 16;

/// A new key's secret. Shown once, never kept; `Debug` hides it.
pub struct ApiKey(String);

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiKey([redacted])")
    }
}

impl ApiKey {
    /// 256 bits from the system's generator.
    pub fn generate() -> Self {
        let bits: [u8; 32] = rand::random();
        Self(format!("pp_{}", URL_SAFE_NO_PAD.encode(bits)))
    }

    /// The secret itself.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

/// The hash a key is known by, written `sha256:<64 hex digits>`. Two are compared in constant time; and as hashes are, how much
/// of one is right would tell nothing of the secret.
#[derive(Debug, Clone, Copy)]
pub struct KeyHash([u8; 32]);

impl PartialEq for KeyHash {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for KeyHash {}

impl ConstantTimeEq for KeyHash {
    /// By words, since each request is compared with every key: byte by byte takes ten times as long.
    fn ct_eq(&self, other: &Self) -> Choice {
        let words = self.0.as_chunks::<8>().0.iter().zip(other.0.as_chunks::<8>().0);
        let differing = words.fold(0, |all, (a, b)| all | (u64::from_ne_bytes(*a) ^ u64::from_ne_bytes(*b)));
        differing.ct_eq(&0)
    }
}

impl KeyHash {
    /// Of a secret.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// For comparing in constant time.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Display for KeyHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for KeyHash {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "sha256: and 64 hexadecimal digits, as `pool-proxy key new` prints it";
        // Rust's numbers may have a sign.
        let digits = |hex: &&str| hex.len() == 64 && hex.bytes().all(|digit| digit.is_ascii_hexdigit());
        let hex = text.strip_prefix("sha256:").filter(digits).ok_or(EXPECTED)?;
        let mut hash = [0; 32];
        for (byte, at) in hash.iter_mut().zip((0..64).step_by(2)) {
            *byte = hex.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or(EXPECTED)?;
        }
        Ok(Self(hash))
    }
}
