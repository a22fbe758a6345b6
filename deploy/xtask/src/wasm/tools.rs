//! The programs that make a Worker of wasm: worker-build, and wasm-bindgen, which must be of the library's version.
//! esbuild and wasm-opt come from npm, with `edge-api/package.json`.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use harness::{Error, target_dir};

use crate::cargo::{cargo, root, succeeds};
use crate::packages;
use crate::steps::Steps;

/// The version of worker-build: that of the `worker` crate, apart from the last number.
pub(super) const WORKER_BUILD: &str = "0.8.7";

/// Where the tools of the wasm build are.
#[derive(Debug)]
pub(super) struct Tools {
    pub(super) worker_build: PathBuf,
    /// None if worker-build will fetch it.
    pub(super) wasm_bindgen: Option<PathBuf>,
    pub(super) esbuild: PathBuf,
    pub(super) wasm_opt: PathBuf,
}

impl Tools {
    /// Finds the tools, and installs what is missing.
    pub(super) fn install(steps: &Steps) -> Result<Self, Error> {
        let node_modules = root().join("edge-api/node_modules/.bin");
        let tools = Self {
            worker_build: worker_build(steps)?,
            wasm_bindgen: wasm_bindgen(steps)?,
            esbuild: node_modules.join("esbuild"),
            wasm_opt: node_modules.join("wasm-opt"),
        };
        // Shared by both while they were built, and of no use after that.
        let _ = fs::remove_dir_all(scratch());
        Ok(tools)
    }

    /// Tells worker-build where they are.
    pub(super) fn tell(&self, command: &mut Command) {
        command.env("ESBUILD_BIN", &self.esbuild).env("WASM_OPT_BIN", &self.wasm_opt);
        if let Some(path) = &self.wasm_bindgen {
            command.env("WASM_BINDGEN_BIN", path);
        }
    }
}

fn worker_build(steps: &Steps) -> Result<PathBuf, Error> {
    if let Some(found) = found("worker-build", WORKER_BUILD) {
        return Ok(found);
    }
    let missing = missing_packages();
    if !missing.is_empty() {
        packages::install(&missing, steps)?;
    }
    cargo_install("worker-build", WORKER_BUILD, &[], steps)
}

/// The packages without which the tools that are not here yet cannot be built: worker-build links OpenSSL.
pub(super) fn missing_packages() -> Vec<&'static str> {
    let needed = env::consts::OS == "linux" && found("worker-build", WORKER_BUILD).is_none();
    if needed && !succeeds(Command::new("pkg-config").args(["--exists", "openssl"])) {
        return vec!["pkg-config", "libssl-dev"];
    }
    Vec::new()
}

fn wasm_bindgen(steps: &Steps) -> Result<Option<PathBuf>, Error> {
    let lock = root().join("Cargo.lock");
    let text = fs::read_to_string(&lock).map_err(Error::doing(lock.display()))?;
    let version = locked(&text, "wasm-bindgen");
    let version = version.ok_or_else(|| Error::new("Cargo.lock has no wasm-bindgen: run `cargo update -p worker`"))?;
    if let Some(found) = found("wasm-bindgen", version) {
        return Ok(Some(found));
    }
    if can_be_fetched(version) {
        return Ok(None);
    }
    // Its test runner, which is not installed, is all that TLS is for. What it locks need not be there any more.
    cargo_install("wasm-bindgen-cli", version, &["--no-default-features"], steps).map(Some)
}

/// The version of a package in a lock file.
fn locked<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let begin = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != begin);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')
}

/// Whether worker-build, which tries for half a minute, could fetch wasm-bindgen where its releases are.
fn can_be_fetched(version: &str) -> bool {
    let url = format!(
        "https://github.com/wasm-bindgen/wasm-bindgen/releases/download/{version}/\
         wasm-bindgen-{version}-x86_64-unknown-linux-musl.tar.gz"
    );
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--fail", "--location", "--head", "--max-time", "10", "--output", "/dev/null", &url]);
    succeeds(&mut curl)
}

/// The program of exactly this version: on the path, or as we installed it.
fn found(program: &str, version: &str) -> Option<PathBuf> {
    let own = folder(program, version).join("bin").join(program);
    [PathBuf::from(program), own].into_iter().find(|path| {
        let output = Command::new(path).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output();
        output.is_ok_and(|it| it.status.success() && says(&String::from_utf8_lossy(&it.stdout), version))
    })
}

/// Whether the answer to `--version`, such as `wasm-bindgen 0.2.130`, names this one.
fn says(answer: &str, version: &str) -> bool {
    answer.split_whitespace().any(|word| word == version)
}

fn folder(program: &str, version: &str) -> PathBuf {
    target_dir().join("tools").join(format!("{program}-{version}"))
}

/// Where both are built: they have much in common.
fn scratch() -> PathBuf {
    target_dir().join("tools/build")
}

/// Installs one program of a package, as fast as it goes: that it runs slower matters less.
fn cargo_install(package: &str, version: &str, further: &[&str], steps: &Steps) -> Result<PathBuf, Error> {
    let program = package.trim_end_matches("-cli");
    let folder = folder(program, version);
    let mut install = cargo(&["install", "--debug", package, "--version", version, "--bin", program]);
    install.args(further).arg("--root").arg(&folder).env("CARGO_TARGET_DIR", scratch());
    install.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_TERM_COLOR", "never");
    steps.run(program, install)?;
    let path = folder.join("bin").join(program);
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::new(format!("cargo has installed {package}, but there is no {}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::{locked, says};

    #[test]
    fn a_version_is_read_from_the_lock_file() {
        let lock = "[[package]]\nname = \"wasm-bindgen-shared\"\nversion = \"9.9.9\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\nsource = \"x\"\n";
        assert_eq!(locked(lock, "wasm-bindgen"), Some("0.2.130"));
        assert_eq!(locked(lock, "worker"), None);
    }

    #[test]
    fn a_program_has_to_be_of_exactly_one_version() {
        assert!(says("wasm-bindgen 0.2.130\n", "0.2.130"));
        assert!(!says("wasm-bindgen 0.2.13\n", "0.2.130"));
        assert!(!says("wasm-bindgen 0.2.1301 (abc)", "0.2.130"));
    }
}
