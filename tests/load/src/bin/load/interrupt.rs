//! Ctrl-C and SIGTERM: the scratch folder goes, the driver ends, and with it (`processes`) its servers.
//! The benchmark's database stays behind then; it lies in a cluster that is thrown away.

use std::path::PathBuf;
use std::thread;

use load::Outcome;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// What a shell says of a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Waits on a thread of its own, for as long as the driver runs.
pub(crate) fn clean_up(scratch: PathBuf) -> Outcome<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        let signalled = runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            tokio::select! {
                done = tokio::signal::ctrl_c() => done,
                _ = terminate.recv() => Ok(()),
            }
        });
        if signalled.is_ok() {
            // A file that a server still writes must not keep the driver alive.
            let _ = std::fs::remove_dir_all(&scratch);
            std::process::exit(INTERRUPTED);
        }
    })?;
    Ok(())
}
