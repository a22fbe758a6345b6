//! One public key of a set, if it is one that tokens can be checked with.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use serde_json::value::RawValue;

#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

impl Known {
    pub(super) fn read(json: &RawValue) -> Option<Self> {
        let jwk: Jwk = serde_json::from_str(json.get()).ok()?;
        let common = &jwk.common;
        let verifies = |operations: &Vec<KeyOperations>| operations.contains(&KeyOperations::Verify);
        if !matches!(common.public_key_use, None | Some(PublicKeyUse::Signature))
            || !common.key_operations.as_ref().is_none_or(verifies)
        {
            return None;
        }
        let (algorithm, named) = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                (Algorithm::ES256, KeyAlgorithm::ES256)
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
            }
            _ => return None,
        };
        if common.key_algorithm.is_some_and(|other| other != named) {
            return None;
        }
        let key = sound(&DecodingKey::from_jwk(&jwk).ok()?, algorithm)?;
        Some(Self { id: jwk.common.key_id, algorithm, key })
    }
}

/// The key if it has the size that its algorithm asks for. Some publish an RSA modulus with a zero before it.
fn sound(key: &DecodingKey, algorithm: Algorithm) -> Option<DecodingKey> {
    match (algorithm, key.kind()) {
        (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
            let zeros = n.iter().take_while(|byte| **byte == 0).count();
            let n = &n[zeros..];
            // 2,048 to 8,192 bits (RFC 7518, section 3.3, has the least).
            (256..=1024).contains(&n.len()).then(|| DecodingKey::from_rsa_raw_components(n, e))
        }
        // A byte for its form, and two coordinates (RFC 7518, section 6.2.1).
        (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => (point.len() == 65).then(|| key.clone()),
        (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(key_bytes)) => (key_bytes.len() == 32).then(|| key.clone()),
        _ => None,
    }
}
