//! Workers of `tests/clients`, bundled for the real workerd.

use std::path::Path;

use harness::Folder;
use tokio::process::Command;

use super::{folder, run};

/// A folder with a Worker ready to run, removed in the end.
pub(crate) struct Bundle(Folder);

impl Bundle {
    /// What `node bundle.mjs ARGUMENTS FOLDER` makes in a folder of `tests/clients`; panics with what it says if it fails.
    pub(crate) async fn new(project: &str, arguments: &[&str]) -> Self {
        let made = Folder::new();
        let mut command = Command::new("node");
        command.current_dir(folder().join(project)).arg("bundle.mjs").args(arguments).arg(made.root());
        let printed = run(command).await;
        assert!(printed.success, "{}", printed.text);
        Self(made)
    }

    /// Where it lies.
    pub(crate) fn root(&self) -> &Path {
        self.0.root()
    }
}
