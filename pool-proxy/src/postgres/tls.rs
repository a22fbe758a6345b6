//! TLS to Postgres, with the six modes of libpq (<https://www.postgresql.org/docs/current/libpq-ssl.html>).

use tokio_postgres_rustls::MakeRustlsConnect;

use crate::trust::{Checks, TrustError, client_config};

/// libpq's `sslmode`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SslMode {
    /// Never encrypt.
    Disable,
    /// Encrypt only if the server refuses otherwise.
    Allow,
    /// Encrypt if the server can.
    #[default]
    Prefer,
    /// Encrypt; verify the chain only if a root certificate is given.
    Require,
    /// Encrypt and verify the chain.
    VerifyCa,
    /// Encrypt, verify the chain and the name.
    VerifyFull,
}

impl std::str::FromStr for SslMode {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "disable" => Self::Disable,
            "allow" => Self::Allow,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return Err(()),
        })
    }
}

impl SslMode {
    /// The name libpq gives it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    /// Whether an attempt encrypts, in the order to try them.
    pub(super) fn attempts(self) -> &'static [bool] {
        match self {
            Self::Disable => &[false],
            Self::Allow => &[false, true],
            Self::Prefer => &[true, false],
            Self::Require | Self::VerifyCa | Self::VerifyFull => &[true],
        }
    }
}

/// How connections to one database are encrypted.
#[derive(Clone)]
pub struct Tls {
    mode: SslMode,
    connect: Option<MakeRustlsConnect>,
}

impl Tls {
    /// `root` is PEM text, a path, or the word `system`. Without it, `verify-ca` and `verify-full` trust the system's
    /// roots (libpq would refuse).
    pub(super) fn new(mode: SslMode, root: Option<&str>) -> Result<Self, TrustError> {
        if mode == SslMode::Disable {
            return Ok(Self { mode, connect: None });
        }
        // As libpq: the word `system` asks for the name to be checked, whatever the mode.
        let (checks, root) = match (mode, root) {
            (_, Some("system")) => (Checks::ChainAndName, None),
            (SslMode::VerifyFull, root) => (Checks::ChainAndName, root),
            (SslMode::VerifyCa, root) => (Checks::Chain, root),
            (_, root) => (Checks::ChainIfGiven, root),
        };
        let mut config = client_config(checks, root)?;
        // Asked for by servers that offer direct TLS, harmless to the others.
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(Self { mode, connect: Some(MakeRustlsConnect::new(config)) })
    }

    pub(super) fn mode(&self) -> SslMode {
        self.mode
    }

    pub(super) fn connector(&self) -> Option<MakeRustlsConnect> {
        self.connect.clone()
    }
}
