//! Interactive transactions: oha cannot take an id from one answer into the next request, so the crowd has them.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use load::Outcome;

use super::requests::headers;
use crate::contest::Generator;
use crate::crowd::CrowdSeen;
use crate::oha::{Seen, quoted};
use crate::options::sibling;
use crate::processes;
use crate::servers::Server;
use crate::setup::Bench;

/// What one run asks for.
#[derive(Clone)]
pub(super) struct Transactions {
    pub(super) clients: u32,
    pub(super) seconds: u32,
    /// A transaction in each line.
    pub(super) file: PathBuf,
}

impl Transactions {
    fn arguments(&self, address: &str) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = ["--http", address].map(OsString::from).into();
        for header in headers(&[]) {
            arguments.extend(["--header".into(), header.into()]);
        }
        for (name, number) in [("--clients", self.clients), ("--seconds", self.seconds)] {
            arguments.extend([name.into(), number.to_string().into()]);
        }
        arguments.extend(["--transactions".into(), self.file.clone().into()]);
        arguments
    }

    /// The call as a person would type it.
    pub(super) fn spelled_out(&self) -> String {
        let file = self.file.file_name().unwrap_or_default();
        let short = Self { file: file.into(), ..self.clone() };
        let words = short.arguments("127.0.0.1:PORT").into_iter().map(|word| quoted(&word.to_string_lossy()));
        format!("target/release/crowd {}", words.collect::<Vec<_>>().join(" "))
    }
}

impl Generator for Transactions {
    fn lasting(&self, seconds: u32) -> Self {
        Self { seconds, ..self.clone() }
    }

    fn run(&self, bench: &Bench, server: &Server) -> Outcome<Seen> {
        let arguments = self.arguments(&server.address);
        let arguments: Vec<&OsStr> = arguments.iter().map(OsString::as_os_str).collect();
        let command = processes::command(&sibling("crowd")?, &arguments);
        // To connect, and to wait for answers that the end cut off.
        let patience = Duration::from_secs(u64::from(self.seconds) + 120);
        let text = processes::output("crowd", command, &bench.scratch, patience)?;
        let seen: CrowdSeen = serde_json::from_str(&text).map_err(|failure| format!("the crowd's JSON: {failure}"))?;
        Ok(seen.into())
    }
}
