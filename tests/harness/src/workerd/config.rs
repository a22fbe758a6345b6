//! What workerd is told, as the Cap'n Proto text it reads, and what it tells us.

use std::fmt::Write;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

/// The file's name in the folder.
pub(super) const CONFIG: &str = "workerd.capnp";

/// The Worker runs under the date it is deployed with.
const DEPLOYMENT: &str = include_str!("../../../../edge-api/wrangler.toml");

/// What differs from one workerd to another.
#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) isolates: usize,
    /// Of the first isolate; 0 for any.
    pub(super) port: u16,
    /// Names of variables and secrets. Their values come with the environment.
    pub(super) bindings: Vec<String>,
    /// Names of bindings, and the address behind each.
    pub(super) services: Vec<(String, String)>,
    /// Whether a certificate authority lies in `ca.pem`.
    pub(super) has_ca: bool,
}

impl Config {
    /// Puts everything into `folder`.
    pub(super) fn write(&self, folder: &Path, build: &Path, ca: Option<&str>) -> io::Result<()> {
        // What is embedded must lie beside or below the file.
        symlink(build, folder.join("build"))?;
        if let Some(pem) = ca {
            fs::write(folder.join("ca.pem"), pem)?;
        }
        fs::write(folder.join(CONFIG), self.text(&wasm_modules(build)?))
    }

    fn text(&self, wasm_modules: &[String]) -> String {
        let mut services = String::new();
        let mut sockets = String::new();
        for isolate in 0..self.isolates {
            let port = if isolate == 0 { self.port } else { 0 };
            let _ = writeln!(services, "    (name = \"edge-{isolate}\", worker = .edge),");
            let _ = writeln!(
                sockets,
                "    (name = \"{isolate}\", address = \"127.0.0.1:{port}\", http = (), service = \"edge-{isolate}\"),"
            );
        }
        let mut bindings = String::new();
        for name in &self.bindings {
            let name = quoted(name);
            let _ = writeln!(bindings, "    (name = {name}, fromEnvironment = {name}),");
        }
        for (name, address) in &self.services {
            let (name, address) = (quoted(name), quoted(address));
            let _ = writeln!(services, "    (name = {name}, external = (address = {address}, http = ())),");
            let _ = writeln!(bindings, "    (name = {name}, service = {name}),");
        }
        let mut modules = String::from("    (name = \"index.js\", esModule = embed \"build/index.js\"),\n");
        for name in wasm_modules {
            let _ =
                writeln!(modules, "    (name = {}, wasm = embed {}),", quoted(name), quoted(&format!("build/{name}")));
        }
        let ca = if self.has_ca { ", trustedCertificates = [embed \"ca.pem\"]" } else { "" };
        let date = compatibility_date();
        // Without `allow` the network would be the public one alone, and not this machine.
        format!(
            "using Workerd = import \"/workerd/workerd.capnp\";\n\n\
             const config :Workerd.Config = (\n  services = [\n{services}    \
             (name = \"internet\", network = (allow = [\"public\", \"private\"], \
             tlsOptions = (trustBrowserCas = true{ca}))),\n  ],\n  sockets = [\n{sockets}  ],\n);\n\n\
             const edge :Workerd.Worker = (\n  modules = [\n{modules}  ],\n  \
             compatibilityDate = \"{date}\",\n  bindings = [\n{bindings}  ],\n);\n"
        )
    }
}

/// The names of the WebAssembly modules beside the Worker.
fn wasm_modules(build: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(build)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if Path::new(&name).extension().is_some_and(|extension| extension == "wasm") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn compatibility_date() -> &'static str {
    let line = DEPLOYMENT.lines().find_map(|line| line.strip_prefix("compatibility_date = \""));
    line.and_then(|rest| rest.split('"').next()).unwrap_or_default()
}

/// The ports of the sockets named `0` and on, from lines such as `{"event":"listen","socket":"0","port":4321}`; nothing
/// until all are told.
pub(super) fn ports(told: &str, sockets: usize) -> Option<Vec<u16>> {
    let port = |socket: usize| {
        let name = format!("\"socket\":\"{socket}\"");
        let line = told.lines().find(|line| line.contains("\"event\":\"listen\"") && line.contains(&name))?;
        let rest = line.split_once("\"port\":")?.1;
        rest.split(|it: char| !it.is_ascii_digit()).next()?.parse().ok()
    };
    (0..sockets).map(port).collect()
}

#[cfg(test)]
mod tests {
    use super::{compatibility_date, ports, quoted};

    #[test]
    fn the_date_is_that_of_the_deployment() {
        assert_eq!(compatibility_date().len(), "2026-01-01".len());
    }

    #[test]
    fn ports_are_known_once_all_are_told() {
        let first = "{\"event\":\"listen\",\"socket\":\"1\",\"port\":4322}\n";
        let second = "{\"event\":\"listen\",\"socket\":\"0\",\"port\":4321}\n";
        assert_eq!(ports(first, 2), None);
        assert_eq!(ports(&format!("{first}{second}"), 2), Some(vec![4321, 4322]));
        assert_eq!(ports("{\"event\":\"listen\",\"socket\":\"0\",\"po", 1), None);
    }

    #[test]
    fn texts_are_quoted() {
        assert_eq!(quoted(r#"a"b\"#), r#""a\"b\\""#);
    }
}
