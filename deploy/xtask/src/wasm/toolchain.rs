//! The toolchain of the wasm build, which need not be that of everything else.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::Error;

use super::{debian, rustup};
use crate::cargo::keep_ourselves_from;
use crate::packages;
use crate::steps::Steps;

/// The target of Workers.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";

/// What makes `cargo +nightly build -Z build-std` work.
#[derive(Debug)]
pub(super) struct Toolchain {
    /// A folder with programs that stand in for rustup's, first on the path.
    pub(super) stand_ins: Option<PathBuf>,
    pub(super) variables: Vec<(&'static str, OsString)>,
}

impl Toolchain {
    /// The one that is here, else one that is installed now.
    pub(super) fn prepare(steps: &Steps) -> Result<Self, Error> {
        let refused = match Self::here_or_fetched(steps)? {
            Ok(found) => return Ok(found),
            Err(refused) => refused,
        };
        let refused = format!("there is no Rust that can build for {TARGET} with unwinding panics.\n{refused}");
        if !packages::apt_is_here() {
            return Err(Error::new(refused));
        }
        debian::prepare(steps).map_err(|why| match steps.go_on() {
            Ok(()) => Error::new(format!("{refused}\nOr, without rustup: {why}")),
            Err(interrupted) => interrupted,
        })
    }

    /// The packages that [`Toolchain::prepare`] would install. To tell, it first tries what needs none.
    pub(super) fn missing_packages(steps: &Steps) -> Result<Vec<&'static str>, Error> {
        let here = Self::here_or_fetched(steps)?.is_ok();
        Ok(if here || !packages::apt_is_here() { Vec::new() } else { debian::missing() })
    }

    /// The one that is here, else the one that rustup fetches; inside, why it could not.
    fn here_or_fetched(steps: &Steps) -> Result<Result<Self, Error>, Error> {
        if let Some(found) = rustup::ready().or_else(debian::ready) {
            return Ok(Ok(found));
        }
        let fetched = rustup::fetch(steps);
        steps.go_on()?;
        Ok(fetched.and_then(|()| {
            rustup::ready().ok_or_else(|| Error::new("rustup has installed nightly, but not all of it is there"))
        }))
    }

    /// A program, among them `cargo`, that will use this toolchain, in `folder`.
    pub(super) fn command(&self, program: impl AsRef<Path>, folder: &Path) -> Command {
        let mut path: Vec<_> = self.stand_ins.iter().cloned().collect();
        path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        let program = program.as_ref();
        // Looked up by us, so that it does not depend on whose path the system searches.
        let found = path.iter().map(|it| it.join(program)).find(|it| it.is_file());
        let mut command = Command::new(found.as_deref().unwrap_or(program));
        keep_ourselves_from(&mut command);
        // The cargo that runs us speaks for itself in these.
        for name in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH", "CARGO_BUILD_TARGET"] {
            command.env_remove(name);
        }
        if let Ok(path) = env::join_paths(path) {
            command.env("PATH", path);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.env("CARGO_TERM_COLOR", "never").current_dir(folder);
        command
    }
}

/// A version as numbers that can be compared: of `rustc 1.96.0 (abc 2026-01-01)`, or of `1.91`.
pub(crate) fn version(text: &str) -> Option<Vec<u32>> {
    let word = text.split_whitespace().find(|word| word.starts_with(|it: char| it.is_ascii_digit()))?;
    let number = word.split(['-', '+']).next()?;
    number.split('.').map(|part| part.parse().ok()).collect()
}

/// Whether a compiler that calls itself this can build the workspace.
pub(super) fn new_enough(rustc: &str) -> bool {
    version(rustc).is_some_and(|found| Some(found) >= version(env!("CARGO_PKG_RUST_VERSION")))
}

#[cfg(test)]
mod tests {
    use super::{new_enough, version};

    #[test]
    fn versions_are_read_as_numbers() {
        assert_eq!(version("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)"), Some(vec![1, 96, 0]));
        assert_eq!(version("rustc 1.97.0-nightly (e50aa6fba 2026-05-19)"), Some(vec![1, 97, 0]));
        assert_eq!(version("nothing"), None);
    }

    #[test]
    fn compilers_are_compared_with_what_the_workspace_needs() {
        assert!(!new_enough("rustc 1.9.0"));
        assert!(!new_enough("rustc 1.63.0"));
        assert!(new_enough("rustc 1.1000.0"));
        assert!(new_enough(&format!("rustc {}.0", env!("CARGO_PKG_RUST_VERSION"))));
    }
}
