//! One build at a time: two that install, or that write the same Worker, would undo each other's work.

use std::fs::{self, File, TryLockError};

use harness::{Error, target_dir};

use crate::steps::Steps;

/// Waits until no other build runs. It is our turn as long as the file is kept; the system ends it with us, too.
pub(super) fn take(steps: &Steps) -> Result<File, Error> {
    let path = target_dir().join("tools/lock");
    let folder = path.parent().unwrap_or(&path);
    let opened = fs::create_dir_all(folder).and_then(|()| File::create(&path));
    let file = opened.map_err(Error::doing(path.display()))?;
    steps.wait("waiting for another build", || match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(Error::doing(path.display())(error)),
    })?;
    Ok(file)
}
