//! A folder of a test's own, and the certificates in it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{ProxyBuilder, random_hex};

/// A folder that is removed with this value.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// An empty one.
    #[allow(clippy::new_without_default)] // making one is an act, not a default
    pub fn new() -> Self {
        let path = env::temp_dir().join(format!("pool-proxy-folder-{}", random_hex(8)));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// Where something of this name is, or would be.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file; its path.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Makes `<name>.crt` and `<name>.key`, a certificate for this host that is its own authority.
    pub fn certificate(&self, name: &str) {
        self.openssl(name, "localhost", &["-addext", HERE, "-addext", NO_AUTHORITY]);
    }

    /// Makes `<name>.crt` and `<name>.key` of an authority, which vouches for no host itself.
    pub fn authority(&self, name: &str) {
        self.openssl(name, name, &[]);
    }

    /// Makes `<name>.crt` and `<name>.key`, a certificate for this host that an authority has signed.
    pub fn certificate_by(&self, name: &str, authority: &str) {
        let [crt, key] = ["crt", "key"].map(|kind| self.path(&format!("{authority}.{kind}")).display().to_string());
        self.openssl(name, name, &["-CA", &crt, "-CAkey", &key, "-addext", HERE, "-addext", NO_AUTHORITY]);
    }

    /// Makes a certificate, `one.crt`, and lets a proxy speak TLS with it.
    pub fn encrypts(&self, proxy: ProxyBuilder) -> ProxyBuilder {
        self.certificate("one");
        proxy.env("POOL_PROXY_TLS_CERT", self.path("one.crt")).env("POOL_PROXY_TLS_KEY", self.path("one.key"))
    }

    /// The same, one that has expired.
    pub fn expired_by(&self, name: &str, authority: &str) {
        let [crt, key] = ["crt", "key"].map(|kind| self.path(&format!("{authority}.{kind}")).display().to_string());
        let mut command = Command::new("faketime");
        command.args(["30 days ago", "openssl"]);
        self.request(command, name, name, &["-CA", &crt, "-CAkey", &key, "-addext", HERE, "-addext", NO_AUTHORITY]);
    }

    fn openssl(&self, name: &str, subject: &str, more: &[&str]) {
        self.request(Command::new("openssl"), name, subject, more);
    }

    fn request(&self, mut command: Command, name: &str, subject: &str, more: &[&str]) {
        command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
        command.args(["-days", "2", "-subj", &format!("/CN={subject}")]).args(more);
        command.arg("-keyout").arg(self.path(&format!("{name}.key")));
        command.arg("-out").arg(self.path(&format!("{name}.crt")));
        let output =
            command.output().unwrap_or_else(|error| panic!("openssl and faketime are needed for this test: {error}"));
        assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
    }
}

const HERE: &str = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:127.0.0.10";

const NO_AUTHORITY: &str = "basicConstraints=critical,CA:FALSE";

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
