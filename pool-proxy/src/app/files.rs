//! Whether files have changed since somebody looked.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// How long a changed file must then stay as it is: an editor that empties a file before it writes has no keys in it for
/// a moment.
const SETTLED: Duration = Duration::from_millis(200);

/// When a file was changed last, and how long it is; `None` if it is not there.
pub(super) type Stamp = Option<(SystemTime, u64)>;

/// Whether the files stay as they were for a moment.
pub(super) async fn is_settled(files: &[PathBuf], were: &[Stamp]) -> bool {
    tokio::time::sleep(SETTLED).await;
    stamps(files) == were
}

pub(super) fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |file: &PathBuf| std::fs::metadata(file).and_then(|data| Ok((data.modified()?, data.len()))).ok();
    files.iter().map(stamp).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{SETTLED, is_settled, stamps};

    #[tokio::test(start_paused = true)]
    async fn a_file_that_is_being_written_is_not_settled() {
        let path = std::env::temp_dir().join(format!("pool-proxy-settled-{}", std::process::id()));
        let files = [path.clone()];
        fs::write(&path, "whole").unwrap();
        assert!(is_settled(&files, &stamps(&files)).await);
        // As editors do it: emptied, and then filled.
        fs::write(&path, "").unwrap();
        let emptied = stamps(&files);
        let writing = async {
            tokio::time::sleep(SETTLED / 2).await;
            fs::write(&path, "whole again").unwrap();
        };
        let (settled, ()) = tokio::join!(is_settled(&files, &emptied), writing);
        assert!(!settled);
        assert!(is_settled(&files, &stamps(&files)).await);
        fs::remove_file(&path).unwrap();
    }
}
