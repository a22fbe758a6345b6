//! Tokens made by hand, so that anything can be wrong with them, and a proxy that takes those of one issuer.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use harness::{Answer, Database, Folder, Proxy, ProxyBuilder, fresh_database};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, RSA_PKCS1_SHA256};
use ring::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
use ring::{hmac, rand};
use serde_json::{Value, json};

use crate::sql::served::{batch, first_value};

pub(crate) const SECRET: &str = "a secret of the tests, at least 32 bytes long";

/// Something that signs.
pub(crate) enum Mint {
    Secret(Vec<u8>),
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Mint {
    pub(crate) fn secret(secret: &str) -> Self {
        Self::Secret(secret.as_bytes().to_vec())
    }

    pub(crate) fn ec() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self::Ec(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap())
    }

    pub(crate) fn ed() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::Ed(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap())
    }

    pub(crate) fn rsa(bits: u32) -> Self {
        let folder = Folder::new();
        let path = folder.path("rsa.der");
        let mut command = Command::new("openssl");
        command.args(["genpkey", "-algorithm", "RSA", "-pkeyopt", &format!("rsa_keygen_bits:{bits}")]);
        let output = command.args(["-outform", "DER", "-out"]).arg(&path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let key = std::fs::read(path).unwrap();
        // Which of the two forms it writes depends on its version.
        Self::Rsa(RsaKeyPair::from_pkcs8(&key).or_else(|_| RsaKeyPair::from_der(&key)).unwrap())
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match self {
            Self::Secret(_) => "HS256",
            Self::Rsa(_) => "RS256",
            Self::Ec(_) => "ES256",
            Self::Ed(_) => "EdDSA",
        }
    }

    /// The public key as a JSON Web Key.
    pub(crate) fn jwk(&self, id: &str) -> Value {
        match self {
            Self::Secret(secret) => json!({ "kty": "oct", "kid": id, "k": part(secret) }),
            Self::Rsa(pair) => {
                let public = PublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({ "kty": "RSA", "kid": id, "n": part(public.n), "e": part(public.e), "use": "sig", "alg": "RS256" })
            }
            Self::Ec(pair) => {
                let point = pair.public_key().as_ref();
                json!({ "kty": "EC", "kid": id, "crv": "P-256", "x": part(&point[1..33]), "y": part(&point[33..]) })
            }
            Self::Ed(pair) => {
                json!({ "kty": "OKP", "kid": id, "crv": "Ed25519", "x": part(pair.public_key().as_ref()) })
            }
        }
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({ "alg": self.algorithm(), "typ": "JWT" }), claims)
    }

    pub(crate) fn token_with(&self, header: &Value, claims: &Value) -> String {
        self.sign(&format!("{}.{}", part(header.to_string()), part(claims.to_string())))
    }

    /// What is signed, with its signature.
    pub(crate) fn sign(&self, signed: &str) -> String {
        let bytes = signed.as_bytes();
        let signature = match self {
            Self::Secret(secret) => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), bytes).as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &rand::SystemRandom::new(), bytes, &mut signature).unwrap();
                signature
            }
            Self::Ec(pair) => pair.sign(&SystemRandom::new(), bytes).unwrap().as_ref().to_vec(),
            Self::Ed(pair) => pair.sign(bytes).as_ref().to_vec(),
        };
        format!("{signed}.{}", part(signature))
    }
}

/// In base64url without padding, as RFC 7515 has it.
pub(crate) fn part(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The time, in seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// An entry of the file for an issuer that signs with [`SECRET`] and gives the role of an [`Office`], and more lines.
pub(crate) fn issuer(more: &str) -> String {
    format!("[[issuers]]\nname = \"tests\"\nsecret = \"{SECRET}\"\ndefault_role = \"ROLE_NAME\"\n{more}\n")
}

/// A proxy that takes tokens, and the Postgres role they give.
pub(crate) struct Office {
    pub(crate) proxy: Proxy,
    pub(crate) database: Database,
    pub(crate) role: String,
}

const SETUP: &str = "
CREATE TABLE notes (id serial PRIMARY KEY, owner text NOT NULL DEFAULT current_setting('request.jwt.claims')::json ->> 'sub', text text);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE ROLE ROLE_NAME;
GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO ROLE_NAME;
GRANT USAGE ON SEQUENCE notes_id_seq TO ROLE_NAME;
CREATE POLICY own ON notes TO ROLE_NAME USING (owner = current_setting('request.jwt.claims')::json ->> 'sub');
INSERT INTO notes (owner, text) VALUES ('ada', 'of Ada'), ('bob', 'of Bob'), ('bob', 'more of Bob');
";

impl Office {
    /// `issuers` are lines of the file; `ROLE_NAME` in them is the role.
    pub(crate) async fn with(issuers: &str, settings: impl FnOnce(ProxyBuilder) -> ProxyBuilder) -> Self {
        let database = fresh_database().await;
        // Roles belong to the whole cluster: one of this database's own.
        let role = format!("{}_role", database.name());
        database.batch(&SETUP.replace("ROLE_NAME", &role)).await;
        let config = issuers.replace("ROLE_NAME", &role);
        let proxy = settings(Proxy::builder().database(&database).config(config)).start().await;
        Self { proxy, database, role }
    }

    /// Takes tokens signed with [`SECRET`].
    pub(crate) async fn plain() -> Self {
        Self::with(&issuer(""), |proxy| proxy.env("POOL_PROXY_POOL_MAX", "1")).await
    }

    pub(crate) async fn send(&self, token: &str, body: &Value) -> Answer {
        self.proxy.request("POST", "/sql").bearer(token).json(body).send().await
    }

    pub(crate) async fn ask(&self, token: &str, query: &str) -> Answer {
        self.send(token, &json!({ "query": query })).await
    }

    pub(crate) async fn ask_batch(&self, token: &str, queries: &[&str]) -> Answer {
        self.send(token, &batch(queries)).await
    }

    /// The first value of the first row, of a statement that works.
    pub(crate) async fn value(&self, token: &str, query: &str) -> Value {
        first_value(query, &self.send(token, &json!({ "query": query, "arrayMode": true })).await)
    }

    /// Drops what outlives the database.
    pub(crate) async fn end(self) {
        drop(self.proxy);
        let role = &self.role;
        self.database.batch(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    }
}
