//! Passwords, kept as PHC strings: the hash with its salt and its parameters beside it, so that these may change.

use std::str::FromStr;

use argon2::password_hash::phc::{Ident, Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, Version};
use subtle::ConstantTimeEq;

use crate::Runtime;
use crate::problem::Problem;

/// How a password is hashed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scheme {
    /// Argon2id (RFC 9106), version 19: memory in KiB, passes, lanes.
    Argon2id { memory: u32, passes: u32, lanes: u32 },
    /// PBKDF2 with HMAC-SHA-256 (RFC 8018).
    Pbkdf2 { rounds: u32 },
}

const ARGON2ID: Ident = Ident::new_unwrap("argon2id");
const PBKDF2: Ident = Ident::new_unwrap("pbkdf2-sha256");

/// The most rounds that production Workers let `WebCrypto` do.
const PBKDF2_ROUNDS: u32 = 100_000;

impl Default for Scheme {
    /// The OWASP Password Storage Cheat Sheet's first choice that fits a Worker's memory many times: 19 MiB, 2 passes.
    fn default() -> Self {
        Self::Argon2id { memory: 19_456, passes: 2, lanes: 1 }
    }
}

impl FromStr for Scheme {
    type Err = &'static str;

    /// `argon2id`, `argon2id:m=12288,t=3` or `pbkdf2-sha256`.
    fn from_str(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str =
            "should be `argon2id`, `argon2id:m=<7168 to 65536 KiB>,t=<1 to 10 passes>` or `pbkdf2-sha256`";
        if text == "pbkdf2-sha256" {
            return Ok(Self::Pbkdf2 { rounds: PBKDF2_ROUNDS });
        }
        if text == "argon2id" {
            return Ok(Self::default());
        }
        let parameters = text.strip_prefix("argon2id:m=").and_then(|rest| rest.split_once(",t="));
        match parameters.map(|(memory, passes)| (memory.parse(), passes.parse())) {
            Some((Ok(memory @ 7_168..=65_536), Ok(passes @ 1..=10))) => Ok(Self::Argon2id { memory, passes, lanes: 1 }),
            _ => Err(WRONG),
        }
    }
}

impl Scheme {
    /// The scheme a stored hash was made with.
    fn of(hash: &PasswordHash) -> Option<Self> {
        let parameter = |name: &str| hash.params.get_decimal(name);
        if hash.algorithm == PBKDF2 {
            return Some(Self::Pbkdf2 { rounds: parameter("i")? });
        }
        let current = hash.algorithm == ARGON2ID && hash.version == Some(Version::V0x13.into());
        let parameters = Self::Argon2id { memory: parameter("m")?, passes: parameter("t")?, lanes: parameter("p")? };
        current.then_some(parameters)
    }

    async fn derive(self, runtime: &dyn Runtime, password: &[u8], salt: &[u8]) -> Result<[u8; 32], Problem> {
        match self {
            Self::Argon2id { memory, passes, lanes } => {
                let mut output = [0; 32];
                Params::new(memory, passes, lanes, Some(output.len()))
                    .map(|parameters| Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters))
                    .and_then(|argon2| argon2.hash_password_into(password, salt, &mut output))
                    .map_err(|error| Problem::internal(format!("argon2id: {error}")))?;
                Ok(output)
            }
            Self::Pbkdf2 { rounds } => {
                let derived = runtime.pbkdf2_sha256(password, salt, rounds).await;
                derived.map_err(|error| Problem::internal(format!("PBKDF2: {error}")))
            }
        }
    }

    fn parameters(self) -> Result<(Ident, Option<u32>, ParamsString), argon2::password_hash::phc::Error> {
        let mut parameters = ParamsString::new();
        match self {
            Self::Argon2id { memory, passes, lanes } => {
                parameters.add_decimal("m", memory)?;
                parameters.add_decimal("t", passes)?;
                parameters.add_decimal("p", lanes)?;
                Ok((ARGON2ID, Some(Version::V0x13.into()), parameters))
            }
            Self::Pbkdf2 { rounds } => {
                parameters.add_decimal("i", rounds)?;
                Ok((PBKDF2, None, parameters))
            }
        }
    }
}

/// The PHC string of a password, with a salt of its own.
pub(crate) async fn hash(scheme: Scheme, runtime: &dyn Runtime, password: &[u8]) -> Result<String, Problem> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| Problem::internal(format!("no randomness: {error}")))?;
    let output = scheme.derive(runtime, password, &salt).await?;
    let string = || {
        let (algorithm, version, params) = scheme.parameters()?;
        let (salt, hash) = (Some(Salt::new(&salt)?), Some(Output::new(&output)?));
        Ok(PasswordHash { algorithm, version, params, salt, hash }.to_string())
    };
    string().map_err(|error: argon2::password_hash::phc::Error| Problem::internal(format!("PHC string: {error}")))
}

/// What comparing a password with a stored hash says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Wrong,
    Right,
    /// Right, and hashed by another scheme than today's: to be hashed anew while we know it.
    Outdated,
}

/// Compares a password with a stored PHC string, in the time that hashing takes whatever comes out.
pub(crate) async fn verify(
    scheme: Scheme,
    runtime: &dyn Runtime,
    password: &[u8],
    stored: &str,
) -> Result<Verdict, Problem> {
    let foreign = || Problem::internal("a stored password hash is of no kind we know");
    let stored = PasswordHash::new(stored).map_err(|_| foreign())?;
    let made_by = Scheme::of(&stored).ok_or_else(foreign)?;
    let (salt, expected) = stored.salt.zip(stored.hash).ok_or_else(foreign)?;
    let derived = made_by.derive(runtime, password, &salt).await?;
    Ok(match bool::from(derived.ct_eq(expected.as_bytes())) {
        false => Verdict::Wrong,
        true if made_by == scheme => Verdict::Right,
        true => Verdict::Outdated,
    })
}

/// Spends the time that [`verify`] would have spent, where there is no user to verify.
pub(crate) async fn burn(scheme: Scheme, runtime: &dyn Runtime, password: &[u8]) -> Result<(), Problem> {
    scheme.derive(runtime, password, b"sixteen bytes of").await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::testing::Host;

    const QUICK: Scheme = Scheme::Argon2id { memory: 64, passes: 1, lanes: 1 };

    async fn verdict(scheme: Scheme, password: &str, stored: &str) -> Result<Verdict, Problem> {
        verify(scheme, &Host, password.as_bytes(), stored).await
    }

    #[tokio::test]
    async fn a_hash_is_of_its_password_alone() {
        for scheme in [QUICK, Scheme::Pbkdf2 { rounds: 10 }] {
            let stored = hash(scheme, &Host, b"tr0ub4dor&3").await.unwrap();
            let again = hash(scheme, &Host, b"tr0ub4dor&3").await.unwrap();
            assert_ne!(stored, again, "the salt is new each time");
            assert_eq!(verdict(scheme, "tr0ub4dor&3", &stored).await.unwrap(), Verdict::Right);
            assert_eq!(verdict(scheme, "tr0ub4dor&4", &stored).await.unwrap(), Verdict::Wrong);
            assert_eq!(verdict(scheme, "", &stored).await.unwrap(), Verdict::Wrong);
        }
    }

    #[tokio::test]
    async fn another_scheme_is_verified_and_outdated() {
        let stored = hash(Scheme::Pbkdf2 { rounds: 10 }, &Host, b"secret").await.unwrap();
        assert!(stored.starts_with("$pbkdf2-sha256$i=10$"), "{stored}");
        assert_eq!(verdict(QUICK, "secret", &stored).await.unwrap(), Verdict::Outdated);
        assert_eq!(verdict(QUICK, "other", &stored).await.unwrap(), Verdict::Wrong);
        let stored = hash(QUICK, &Host, b"secret").await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{stored}");
        assert_eq!(verdict(Scheme::default(), "secret", &stored).await.unwrap(), Verdict::Outdated);
    }

    /// Made by `argon2-cffi` 25.1.
    const STORED_ARGON2ID: &str =
        "$argon2id$v=19$m=256,t=2,p=2$MDEyMzQ1Njc4OWFiY2RlZg$JQjBk212HvDL280UGt/qmWk+aAY+YlUdSEtxHjQw9Ew";

    /// Made by Python's `hashlib.pbkdf2_hmac`.
    const STORED_PBKDF2: &str =
        "$pbkdf2-sha256$i=1000$MDEyMzQ1Njc4OWFiY2RlZg$yqSq2SygY1sB4EcH9f2FG0JTMES+wqLsOT5YmiRBplI";

    #[tokio::test]
    async fn hashes_of_others_are_read() {
        for stored in [STORED_ARGON2ID, STORED_PBKDF2] {
            assert_eq!(verdict(QUICK, "correct horse battery staple", stored).await.unwrap(), Verdict::Outdated);
            assert_eq!(verdict(QUICK, "incorrect horse", stored).await.unwrap(), Verdict::Wrong);
        }
    }

    #[tokio::test]
    async fn what_is_no_hash_is_a_fault_of_ours() {
        for stored in [
            "",
            "secret",
            "$2b$12$abcdefghijklmnopqrstuv",
            "$argon2id$v=19$m=64,t=1,p=1",
            "$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g",
        ] {
            assert!(verdict(QUICK, "secret", stored).await.is_err(), "{stored}");
        }
    }

    #[test]
    fn settings_are_read() {
        assert_eq!("argon2id".parse(), Ok(Scheme::default()));
        assert_eq!("argon2id:m=12288,t=3".parse(), Ok(Scheme::Argon2id { memory: 12_288, passes: 3, lanes: 1 }));
        assert_eq!("pbkdf2-sha256".parse(), Ok(Scheme::Pbkdf2 { rounds: 100_000 }));
        for wrong in
            ["", "argon2", "argon2id:", "argon2id:m=64,t=1", "argon2id:m=12288", "argon2id:m=12288,t=0", "Argon2id"]
        {
            assert!(wrong.parse::<Scheme>().is_err(), "{wrong}");
        }
    }
}
