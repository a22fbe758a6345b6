//! Where cargo builds to.

use std::env;
use std::path::PathBuf;

/// The folder cargo builds into, told from the running executable, which lies in it.
pub fn target_dir() -> PathBuf {
    let executable = env::current_exe().unwrap_or_default();
    executable
        .ancestors()
        .find(|folder| folder.ends_with("debug") || folder.ends_with("release"))
        .and_then(|profile| profile.parent())
        .map_or_else(|| PathBuf::from("target"), PathBuf::from)
}
