//! Where workerd and the built Worker are.

use std::env;
use std::path::{Path, PathBuf};

use crate::Error;

/// Name the two, over every other place.
const WORKERD: &str = "WORKERD_BIN";
const BUILD: &str = "EDGE_WORKER_BUILD";

/// The runtime: the one named, else the one that npm has installed for the edge API.
pub(super) fn workerd() -> Result<PathBuf, Error> {
    if let Some(given) = given(WORKERD) {
        // It is started in another folder.
        return match given.canonicalize() {
            Ok(path) if path.is_file() => Ok(path),
            _ => Err(missing(WORKERD, &given)),
        };
    }
    let platform = match (env::consts::OS, env::consts::ARCH) {
        ("linux", "x86_64") => "linux-64",
        ("linux", "aarch64") => "linux-arm64",
        ("macos", "x86_64") => "darwin-64",
        ("macos", "aarch64") => "darwin-arm64",
        _ => return Err(Error::new("there is no workerd for this platform")),
    };
    // Not the script in `.bin`: that would stand between us and the process.
    let path = edge_api().join(format!("node_modules/@cloudflare/workerd-{platform}/bin/workerd"));
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::new(format!("no workerd at {}: run `cd edge-api && npm ci` first", path.display())))
}

/// The Worker: the folder asked for, the one named, or the one `cargo xtask worker` has built.
pub(super) fn build(asked: Option<&Path>) -> Result<PathBuf, Error> {
    let named = given(BUILD);
    let is_named = asked.is_none() && named.is_some();
    let folder = asked.map(Path::to_owned).or(named).unwrap_or_else(|| edge_api().join("worker/build"));
    // Whoever asks may have another Worker, with other modules beside its own.
    let needed = if asked.is_some() { &["index.js"][..] } else { &["index.js", "index_bg.wasm"] };
    let complete = needed.iter().all(|name| folder.join(name).is_file());
    match folder.canonicalize() {
        Ok(folder) if complete => Ok(folder),
        _ if is_named => Err(Error::new(format!("{}: run `cargo xtask worker`", missing(BUILD, &folder)))),
        _ => Err(Error::new(format!("no Worker at {}: run `cargo xtask worker` first", folder.display()))),
    }
}

fn given(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|it| !it.is_empty()).map(PathBuf::from)
}

fn missing(variable: &str, path: &Path) -> Error {
    Error::new(format!("{variable} is {}, and nothing of use is there", path.display()))
}

fn edge_api() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../edge-api")
}
