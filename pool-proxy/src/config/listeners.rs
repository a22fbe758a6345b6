//! The listeners: addresses, certificates, the operators' token, origins.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::fault::HIDDEN;
use super::file::{CorsSection, File, TlsSection};
use super::origin::Origin;
use super::reader::{Given, Read, Reader, Show};
use super::sources::{self, Flags};
use super::{OpsConfig, TlsFiles, keys};

/// Statements of a database that are told apart unless somebody says otherwise, and the most: each takes up to 5 KiB.
const STATEMENTS: usize = 1000;
const MOST_STATEMENTS: usize = 100_000;

pub(super) struct Listeners {
    pub(super) listen: SocketAddr,
    pub(super) tls: Option<TlsFiles>,
    pub(super) ops: OpsConfig,
    pub(super) cors_origins: Vec<String>,
}

pub(super) fn read(reader: &mut Reader<'_>, flags: &Flags, file: &File) -> Listeners {
    let flag = |value: &Option<String>, name| {
        value.as_ref().map(|text| Given { text: text.clone(), origin: Origin::Flag(name) })
    };
    let layers = [flag(&flags.listen, "--listen"), reader.variable(sources::LISTEN), reader.line(&file.listen)];
    let listen: Read<SocketAddr> = reader.read("listen", layers, (Ipv4Addr::LOCALHOST, 8080).into());
    let layers =
        [flag(&flags.ops_listen, "--ops-listen"), reader.variable(sources::OPS_LISTEN), reader.line(&file.ops.listen)];
    let ops: Read<SocketAddr> = reader.read("ops.listen", layers, (Ipv4Addr::LOCALHOST, 9080).into());
    if listen.value == ops.value && listen.value.port() != 0 {
        let problem = format!("expected another address than listen ({})", listen.origin);
        reader.refuse("ops.listen", &ops, problem);
    }
    let token = reader.variable(sources::OPS_TOKEN).or_else(|| reader.line(&file.ops.token));
    let given = token.is_some();
    let token = token.and_then(|token| {
        reader.note_text("ops.token", HIDDEN, &token.origin);
        keys::secret(reader, "ops.token", &token)
    });
    if !given && !ops.value.ip().is_loopback() {
        let problem = "expected ops.token (POOL_PROXY_OPS_TOKEN) too, since others than this machine reach the address";
        reader.refuse("ops.listen", &ops, problem);
    }
    let most = (0..=MOST_STATEMENTS, "expected a whole number from 0 to 100000");
    let statements = reader.bounded("ops.statements", &file.ops.statements, &Read::unsaid(STATEMENTS), most).value;
    let (tls, asked) = tls(reader, &file.tls);
    if !asked && !listen.value.ip().is_loopback() {
        reader.warn(format!(
            "listen = {} ({}) speaks plain HTTP: set tls.cert and tls.key, or let something in front of it speak TLS",
            listen.value, listen.origin
        ));
    }
    let cors_origins = origins(reader, &file.cors);
    Listeners { listen: listen.value, tls, ops: OpsConfig { listen: ops.value, token, statements }, cors_origins }
}

/// The certificate and its key, and whether TLS was asked for at all.
fn tls(reader: &mut Reader<'_>, section: &TlsSection) -> (Option<TlsFiles>, bool) {
    let cert = reader.variable(sources::TLS_CERT).or_else(|| reader.line(&section.cert));
    let key = reader.variable(sources::TLS_KEY).or_else(|| reader.line(&section.key));
    let mut check = |name: &str, given: &Option<Given>, other: &str, holds: fn(&[u8]) -> Result<(), &'static str>| {
        let Some(given) = given else {
            reader.fault(name, None, format!("expected a PEM file, since {other} is set"));
            return;
        };
        // Somebody may have put the key itself here.
        if given.text.contains("-----BEGIN") {
            return reader.fault(name, Some((given, Show::Hidden)), "expected the path of a PEM file, not its text");
        }
        reader.note_text(name, given.text.as_str(), &given.origin);
        match std::fs::read(&given.text) {
            Ok(pem) => {
                if let Err(problem) = holds(&pem) {
                    reader.fault(name, Some((given, Show::Plain)), problem);
                }
            }
            Err(error) => {
                let problem = format!("expected a PEM file that can be read: {error}");
                reader.fault(name, Some((given, Show::Plain)), problem);
            }
        }
    };
    if cert.is_none() && key.is_none() {
        return (None, false);
    }
    check("tls.cert", &cert, "tls.key", certificate);
    check("tls.key", &key, "tls.cert", private_key);
    let files = cert.zip(key);
    (files.map(|(cert, key)| TlsFiles { cert: PathBuf::from(cert.text), key: PathBuf::from(key.text) }), true)
}

fn certificate(pem: &[u8]) -> Result<(), &'static str> {
    let found = CertificateDer::pem_slice_iter(pem).next().is_some_and(|certificate| certificate.is_ok());
    if found { Ok(()) } else { Err("expected a PEM file with a certificate in it") }
}

fn private_key(pem: &[u8]) -> Result<(), &'static str> {
    PrivateKeyDer::from_pem_slice(pem).map(drop).map_err(|_| "expected a PEM file with a private key in it")
}

/// What browsers send as `Origin` is a scheme and a host, nothing behind it.
fn origins(reader: &mut Reader<'_>, section: &CorsSection) -> Vec<String> {
    let mut origins = vec![];
    for scalar in &section.origins {
        let given = reader.entry(scalar);
        let host = given.text.split_once("://").map(|(_, host)| host);
        let sound = |host: &str| !host.is_empty() && host.chars().all(|c| c.is_ascii_graphic() && !"/?#@*".contains(c));
        if given.text != "*" && !host.is_some_and(sound) {
            let problem = "expected an origin such as https://app.example.com, without a path, or *";
            reader.fault("cors.origins", Some((&given, Show::Plain)), problem);
            continue;
        }
        reader.note_text("cors.origins", given.text.as_str(), &given.origin);
        // Browsers write it in lower case.
        origins.push(given.text.to_ascii_lowercase());
    }
    if section.origins.is_empty() {
        reader.note_text("cors.origins", "none", &Origin::Default);
    }
    origins
}
