//! Keys for the file of a proxy.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// An entry of the file for a key with this secret, and more lines such as `read_only = true`.
pub fn key_entry(name: &str, secret: &str, more: &str) -> String {
    let mut hash = String::new();
    for byte in Sha256::digest(secret) {
        let _ = write!(hash, "{byte:02x}");
    }
    format!("[[keys]]\nname = \"{name}\"\nhash = \"sha256:{hash}\"\n{more}\n")
}
