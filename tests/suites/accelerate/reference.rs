//! Prisma's own executor of query plans, from npm, as a server: what it answers is what its clients expect.

use std::fs;
use std::process::{Command, Stdio};
use std::{env, fs::File};

use harness::{Database, Folder, Guarded, eventually};

use super::wide::accelerate_url;
use crate::clients::folder;

/// A running executor; ended at once when this value goes.
pub(super) struct Reference {
    _process: Guarded,
    address: String,
    _folder: Folder,
}

impl Reference {
    /// Starts it, and waits until it serves.
    pub(super) async fn start(database: &Database) -> Self {
        let own = Folder::new();
        let (said, failed) = (own.path("said"), own.path("failed"));
        let mut command = Command::new("node");
        command.arg("prisma/reference.mjs").current_dir(folder()).env_clear().env("DATABASE_URL", database.url());
        command.envs(env::var_os("PATH").map(|path| ("PATH", path)));
        command.stdin(Stdio::null()).stdout(File::create(&said).unwrap()).stderr(File::create(&failed).unwrap());
        let process = Guarded::spawn(&mut command, None).unwrap();
        eventually(async || {
            let failed = fs::read_to_string(&failed).unwrap_or_default();
            assert!(failed.is_empty(), "{failed}");
            fs::read_to_string(&said).is_ok_and(|text| text.ends_with('\n'))
        })
        .await;
        let address = fs::read_to_string(&said).unwrap().trim().to_owned();
        Self { _process: process, address, _folder: own }
    }

    /// What an application would have as its `accelerateUrl`; it asks for no particular key.
    pub(super) fn url(&self) -> String {
        accelerate_url(&self.address, "any")
    }
}
