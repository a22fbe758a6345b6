//! Under whose name Postgres runs: it refuses to run as root.

use std::os::unix::fs::chown;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Error;

/// Ways to run a command as somebody else; the words before it, with `{}` for the account's name or number.
const WAYS: [&[&str]; 4] = [
    &["setpriv", "--reuid={uid}", "--regid={gid}", "--clear-groups", "--"],
    &["runuser", "-u", "{name}", "--"],
    &["su", "-s", "/bin/sh", "-c", r#"exec "$0" "$@""#, "--", "{name}"],
    &["sudo", "-n", "-u", "{name}", "--"],
];

/// The account that owns the cluster.
#[derive(Debug)]
pub(crate) struct Account {
    /// The words before a command that run it as this account; none if it is our own.
    pub(crate) prefix: Vec<String>,
    owner: Option<(u32, u32)>,
}

impl Account {
    /// Our own account, or, for root, `postgres` or `nobody`.
    pub(crate) fn find() -> Result<Self, Error> {
        if id(&["-u"]) != Some(0) {
            return Ok(Self { prefix: Vec::new(), owner: None });
        }
        ["postgres", "nobody"].iter().find_map(|name| Self::other(name)).ok_or_else(|| {
            Error::new(
                "Postgres does not run as root, and no other account can be used: \
                     run `useradd --system postgres`, or this command as another user",
            )
        })
    }

    fn other(name: &str) -> Option<Self> {
        let owner = (id(&["-u", name])?, id(&["-g", name])?);
        let fill = |word: &&str| {
            word.replace("{name}", name).replace("{uid}", &owner.0.to_string()).replace("{gid}", &owner.1.to_string())
        };
        let account = |way: &&[&str]| Self { prefix: way.iter().map(fill).collect(), owner: Some(owner) };
        WAYS.iter().map(account).find(|it| it.can_run("true", &[]))
    }

    /// Whether this account can run `program`.
    pub(crate) fn can_run(&self, program: &str, arguments: &[&str]) -> bool {
        let mut words = self.prefix.iter().map(String::as_str).chain([program]);
        let first = words.next().unwrap_or(program);
        Command::new(first)
            .args(words)
            .args(arguments)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    /// Gives `path` to this account.
    pub(crate) fn own(&self, path: &Path) -> std::io::Result<()> {
        match self.owner {
            Some((user, group)) => chown(path, Some(user), Some(group)),
            None => Ok(()),
        }
    }

    /// Whether this is not our own account, so that our private folders are closed to it.
    pub(crate) fn is_other(&self) -> bool {
        self.owner.is_some()
    }
}

/// What `id` prints.
fn id(arguments: &[&str]) -> Option<u32> {
    let mut command = Command::new("id");
    let output = command.args(arguments).output().ok().filter(|it| it.status.success())?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
