//! A small file system of a test's own.

use std::env;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::{Error, random_hex};

/// Mounts a file system of `$2` bytes in memory at `$1`, with a folder in it for the owner of `$3`, and takes it away once
/// standard input ends: with whoever started it, however that ends.
const SCRIPT: &str = r#"
trap '' INT TERM HUP QUIT
mkdir "$1" || exit
if mount -t tmpfs -o "size=$2,mode=755" tmpfs "$1"; then
    if mkdir "$1/files" && chown --reference="$3" "$1/files" && chmod 700 "$1/files"; then
        echo ready
        while read -r _; do :; done
    fi
    umount -l "$1"
fi
rmdir "$1"
"#;

/// A file system in memory, gone with this value or our process.
#[derive(Debug)]
pub struct Disk {
    shell: Child,
    folder: PathBuf,
}

impl Disk {
    /// Mounts one of so many bytes whose folder is for the owner of another.
    ///
    /// # Errors
    /// If it cannot be mounted, which takes root.
    pub fn mount(bytes: u64, like: &Path) -> Result<Self, Error> {
        let folder = env::temp_dir().join(format!("pool-proxy-disk-{}", random_hex(6)));
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "disk"]).arg(&folder).arg(bytes.to_string()).arg(like);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut shell = command.spawn().map_err(Error::doing("starting the shell `sh`"))?;
        let output = shell.stdout.take();
        let mut said = String::new();
        if let Some(output) = output {
            BufReader::new(output).read_line(&mut said).map_err(Error::doing("mounting a file system"))?;
        }
        let disk = Self { shell, folder };
        if said.trim() == "ready" { Ok(disk) } else { Err(Error::new("a file system cannot be mounted here")) }
    }

    /// The folder in it.
    pub fn files(&self) -> PathBuf {
        self.folder.join("files")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}
