//! The algorithms of tokens for `jsonwebtoken`, by the library that TLS uses: HS256, RS256 and ES256 (RFC 7518,
//! section 3.1) and `EdDSA` with Ed25519 (RFC 8037). No other is ever tried.

use std::sync::Once;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256};
use ring::signature::{RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use ring::{error, hmac};
use signature::Verifier;

static PROVIDER: CryptoProvider =
    CryptoProvider { signer_factory, verifier_factory, key_utils: KeyUtils::new_unimplemented() };

/// Makes them the library's algorithms, once per process.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // It fails only if somebody else has installed some, and nobody else does.
        let _ = PROVIDER.install_default();
    });
}

/// Checks one signature.
enum Check {
    Hs256(hmac::Key),
    Rs256 { n: Vec<u8>, e: Vec<u8> },
    Es256(Vec<u8>),
    EdDsa(Vec<u8>),
}

impl Check {
    fn is_right(&self, message: &[u8], signature: &[u8]) -> Result<(), error::Unspecified> {
        let public = |algorithm: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(algorithm, key).verify(message, signature)
        };
        match self {
            // In constant time, and only at full length.
            Self::Hs256(key) => hmac::verify(key, message, signature),
            Self::Rs256 { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            Self::Es256(key) => public(&ECDSA_P256_SHA256_FIXED, key),
            Self::EdDsa(key) => public(&ED25519, key),
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the library's own signature
fn verifier_factory(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    Ok(Box::new(match (algorithm, key.kind()) {
        (Algorithm::HS256, DecodingKeyKind::SecretOrDer(secret)) => {
            Check::Hs256(hmac::Key::new(hmac::HMAC_SHA256, secret))
        }
        (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => Check::Rs256 { n: n.clone(), e: e.clone() },
        (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => Check::Es256(point.clone()),
        (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(key)) => Check::EdDsa(key.clone()),
        _ => return Err(Error::from(ErrorKind::InvalidAlgorithm)),
    }))
}

/// Tokens are made elsewhere.
#[allow(clippy::trivially_copy_pass_by_ref)] // the library's own signature
fn signer_factory(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    Err(Error::from(ErrorKind::InvalidAlgorithm))
}

impl Verifier<Vec<u8>> for Check {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        self.is_right(message, signature).map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Check {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Hs256(_) => Algorithm::HS256,
            Self::Rs256 { .. } => Algorithm::RS256,
            Self::Es256(_) => Algorithm::ES256,
            Self::EdDsa(_) => Algorithm::EdDSA,
        }
    }
}
