//! A certificate of this run, which signs itself; made by openssl.

use std::path::PathBuf;
use std::process::Command;

use load::Outcome;

use crate::setup::Bench;

/// PEM files in the run's folder.
pub(crate) struct Certificate {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl Certificate {
    /// With a key on the curve P-256, as most of today's have.
    pub(crate) fn make(bench: &Bench) -> Outcome<Self> {
        let made = Self { cert: bench.scratch.file("cert.pem"), key: bench.scratch.file("key.pem") };
        if made.cert.is_file() {
            return Ok(made);
        }
        let fixed = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
                     -addext subjectAltName=IP:127.0.0.1";
        let mut openssl = Command::new("openssl");
        openssl.args(fixed.split_whitespace()).arg("-keyout").arg(&made.key).arg("-out").arg(&made.cert);
        let done = openssl.output().map_err(|failure| format!("openssl is needed for a certificate: {failure}"))?;
        if !done.status.success() {
            return Err(format!("openssl req: {}", String::from_utf8_lossy(&done.stderr).trim()).into());
        }
        Ok(made)
    }
}
