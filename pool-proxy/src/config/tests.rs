//! The loader, by cases. `FILE` stands for the path of the case's own file.

mod faults;
mod hostile;
mod issuers;
mod trace;
mod values;

use std::path::PathBuf;

use super::{Config, Effective, Faults, Flags, Sources};

/// The two variables that every set-up has.
const ENOUGH: [(&str, &str); 2] =
    [("DATABASE_URL", "postgres://app:geheim@db.internal/app"), ("POOL_PROXY_KEY", "geheim, 0123456789")];

/// A file of one case, removed with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pool-proxy-config-{:016x}", rand::random::<u64>()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What is loaded from a file's text and variables; `FILE` in what comes out is the file's path.
fn load(file: &str, variables: &[(&str, &str)]) -> Result<(Config, Effective), String> {
    load_with(file, variables, Flags::default())
}

fn load_with(file: &str, variables: &[(&str, &str)], flags: Flags) -> Result<(Config, Effective), String> {
    let scratch = Scratch::new(file);
    let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let sources = Sources { flags, environment, file: Some(scratch.0.clone()) };
    let tidy = |faults: Faults| faults.to_string().replace(scratch.path(), "FILE");
    let (mut config, effective) = Config::load(&sources).map_err(tidy)?;
    assert_eq!(config.file.as_ref(), Some(&scratch.0));
    for warning in &mut config.warnings {
        *warning = warning.replace(scratch.path(), "FILE");
    }
    let shown = format!("{effective:?} {config:?}");
    assert!(!shown.contains("geheim"), "a secret is shown: {shown}");
    Ok((config, effective))
}
