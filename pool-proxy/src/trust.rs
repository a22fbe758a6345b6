//! Whom to trust on a way out: root certificates, given or the system's, and how a server's certificate is held
//! against them.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// Why the root certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read.
    #[error("the root certificate {path} cannot be read: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// There is no certificate in it.
    #[error("the root certificate holds no PEM certificate")]
    Empty,
    /// A certificate cannot be used as a root.
    #[error("the root certificate cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    /// The machine's own roots are asked for and there are none.
    #[error("the system has no root certificates, and none was given")]
    NoSystemRoots,
}

/// How much of a server's certificate is verified. Signatures of the handshake always are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checks {
    /// The chain only where roots are given, never the name.
    ChainIfGiven,
    /// The chain.
    Chain,
    /// Chain and name.
    ChainAndName,
}

/// The client's side of TLS. `root` is PEM text or a path; without it, what is verified is verified against the
/// system's roots.
///
/// # Errors
/// When there are no roots, or they cannot be used.
pub fn client_config(checks: Checks, root: Option<&str>) -> Result<ClientConfig, TrustError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let given = root.map_or(Ok(vec![]), read_roots)?;
    let chain = if !given.is_empty() {
        Some(store(given.clone())?)
    } else if checks != Checks::ChainIfGiven {
        Some(system_roots()?)
    } else {
        None
    };
    let verifier = Verifier {
        chain: match chain {
            Some(roots) => Some(
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                    .build()
                    .map_err(|error| rustls::Error::General(error.to_string()))?,
            ),
            None => None,
        },
        pinned: given,
        check_name: checks == Checks::ChainAndName,
        provider: Arc::clone(&provider),
    };
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

fn read_roots(root: &str) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let pem = if root.contains("-----BEGIN") {
        // Platforms that keep secrets on one line write the line breaks as \n.
        root.replace("\\n", "\n")
    } else {
        std::fs::read_to_string(root).map_err(|source| TrustError::Read { path: root.to_owned(), source })?
    };
    let roots: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes()).filter_map(Result::ok).collect();
    if roots.is_empty() { Err(TrustError::Empty) } else { Ok(roots) }
}

fn store(roots: Vec<CertificateDer<'static>>) -> Result<RootCertStore, TrustError> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root)?;
    }
    Ok(store)
}

fn system_roots() -> Result<RootCertStore, TrustError> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() { Err(TrustError::NoSystemRoots) } else { Ok(store) }
}

/// Verifies as much as the mode asks. Signatures of the handshake are always verified.
#[derive(Debug)]
struct Verifier {
    chain: Option<Arc<WebPkiServerVerifier>>,
    pinned: Vec<CertificateDer<'static>>,
    check_name: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        // The manual's own recipe makes one certificate that is both root and leaf, which WebPKI rules refuse.
        if !self.pinned.iter().any(|root| root == leaf) {
            match chain.verify_server_cert(leaf, intermediates, name, ocsp, now) {
                Ok(verified) => return Ok(verified),
                // The name is the last thing to be checked: the chain holds.
                Err(rustls::Error::InvalidCertificate(
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
                )) => {}
                Err(error) => return Err(error),
            }
        }
        if self.check_name {
            verify_name(leaf, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// By the subject alternative names, or by the common name where the certificate has none, as libpq does.
fn verify_name(leaf: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), rustls::Error> {
    let parsed = ParsedCertificate::try_from(leaf)?;
    let Err(error) = rustls::client::verify_server_name(&parsed, name) else { return Ok(()) };
    match common_name(leaf) {
        Some(common_name) if matches(&common_name, &name.to_str()) => Ok(()),
        _ => Err(error),
    }
}

/// The common name, unless there is a subject alternative name.
fn common_name(leaf: &CertificateDer<'_>) -> Option<String> {
    use x509_cert::der::Decode;
    use x509_cert::der::asn1::{PrintableStringRef, Utf8StringRef};
    use x509_cert::der::oid::db::{rfc4519::CN, rfc5280::ID_CE_SUBJECT_ALT_NAME};

    let certificate = x509_cert::Certificate::from_der(leaf).ok()?.tbs_certificate;
    if certificate.extensions.iter().flatten().any(|extension| extension.extn_id == ID_CE_SUBJECT_ALT_NAME) {
        return None;
    }
    let mut attributes = certificate.subject.0.iter().flat_map(|name| name.0.iter());
    let value = &attributes.rfind(|attribute| attribute.oid == CN)?.value;
    let utf8 = value.decode_as::<Utf8StringRef<'_>>().map(|text| text.as_str().to_owned());
    utf8.or_else(|_| value.decode_as::<PrintableStringRef<'_>>().map(|text| text.as_str().to_owned())).ok()
}

/// A wildcard stands for exactly the first label.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(suffix) => name.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(suffix)),
        None => pattern.eq_ignore_ascii_case(name),
    }
}
