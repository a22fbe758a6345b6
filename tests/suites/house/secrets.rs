//! Secrets are compared by their hashes, in a time that tells nothing of them: by construction, since a clock cannot show it.

use std::fs;

use super::{code, root};

#[test]
fn hashes_of_keys_are_compared_in_constant_time() {
    let hash = fs::read_to_string(root().join("pool-proxy/src/auth/api_key.rs")).unwrap();
    let (before, _) =
        hash.split_once("pub struct KeyHash([u8; 32]);").expect("a hash is 32 bytes, whatever the secret");
    let derived = before.rsplit("///").next().unwrap();
    assert!(!derived.contains("PartialEq"), "derived comparison ends at the first byte that differs: {derived}");
    let (_, compared) = hash.split_once("impl PartialEq for KeyHash").expect("compared by its own code");
    let compared = &compared[..compared.find("\n}").unwrap()];
    assert!(compared.contains(".ct_eq("), "{compared}");
    // Nobody goes by the bytes instead.
    for (path, number, line) in code() {
        let is_own = path == "auth/api_key.rs" || path == "auth/jwt.rs";
        assert!(is_own || !line.contains(".as_bytes() ==") || !line.contains("hash"), "{path}:{number} {line}");
    }
}

#[test]
fn every_key_is_looked_at_whatever_was_presented() {
    let auth = fs::read_to_string(root().join("pool-proxy/src/auth.rs")).unwrap();
    let (_, search) = auth.split_once("fn by_key(").expect("keys are looked for in one place");
    let (_, search) = search.split_once("for ").unwrap();
    let search = &search[..search.find("\n        }").unwrap()];
    assert!(search.contains(".ct_eq(") && search.contains(".conditional_assign("), "{search}");
    for early in ["return", "break", "if ", "match ", "?", "=="] {
        assert!(!search.contains(early), "the search depends on what was found: {search}");
    }
}
