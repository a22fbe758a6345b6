//! The two programs of this repository that `dev` runs: those that variables name, else those that cargo has built.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use harness::{Error, target_dir};

/// A program: its package, and the variable that names one that is already built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program {
    package: &'static str,
    pub(crate) variable: &'static str,
}

pub(crate) const POOL_PROXY: Program = Program { package: "pool-proxy", variable: "POOL_PROXY_BIN" };
pub(crate) const EDGE_MIGRATIONS: Program = Program { package: "edge-migrations", variable: "EDGE_MIGRATIONS_BIN" };

impl Program {
    /// Where it is.
    pub(crate) fn path(self) -> PathBuf {
        self.given().map_or_else(|| self.built(), PathBuf::from)
    }

    /// Where cargo puts it.
    pub(crate) fn built(self) -> PathBuf {
        target_dir().join("debug").join(self.package)
    }

    fn given(self) -> Option<OsString> {
        env::var_os(self.variable).filter(|it| !it.is_empty())
    }
}

/// The packages that cargo has to build. Those of a program that is given it must leave alone: with fewer packages at
/// a time some of their features differ, so it would put another program in the place of one that others run.
pub(crate) fn to_build() -> Result<Vec<&'static str>, Error> {
    let mut packages = Vec::new();
    for program in [POOL_PROXY, EDGE_MIGRATIONS] {
        match program.given().map(PathBuf::from) {
            None => packages.push(program.package),
            Some(path) if path.is_file() => {}
            Some(path) => {
                return Err(Error::new(format!("{} is `{}`, which is no file", program.variable, path.display())));
            }
        }
    }
    Ok(packages)
}
