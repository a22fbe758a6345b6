//! Watches Postgres and the server while the load runs: how many connections, how many sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use load::Outcome;

use crate::servers::Server;
use crate::setup::Bench;
use crate::sql::Sql;

const EVERY: Duration = Duration::from_millis(100);

/// What was seen at most.
#[derive(Default)]
pub(crate) struct Samples {
    pub(crate) count: u32,
    pub(crate) most_connections: i64,
    pub(crate) most_open_files: usize,
}

/// A watch on a thread of its own.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Outcome<Samples>>,
}

impl Watch {
    /// Asks over a connection to another database than the one it counts, so it never counts itself.
    pub(crate) fn begin(bench: &Bench, server: &Server) -> Outcome<Self> {
        let sql = Sql::connect(&bench.database.admin_url)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, database, process) = (Arc::clone(&stop), bench.database.name.clone(), server.process.id());
        let thread = spawn(move || {
            let mut samples = Samples::default();
            while !stopped.load(Ordering::Relaxed) {
                samples.most_connections = samples.most_connections.max(sql.connections_to(&database)?);
                if samples.count % 5 == 0 {
                    samples.most_open_files = samples.most_open_files.max(open_files(process));
                }
                samples.count += 1;
                sleep(EVERY);
            }
            Ok(samples)
        });
        Ok(Self { stop, thread })
    }

    pub(crate) fn end(self) -> Outcome<Samples> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| "the sampler broke down")?
    }
}

/// How many files, sockets among them, a process has open.
pub(crate) fn open_files(process: u32) -> usize {
    std::fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count)
}
