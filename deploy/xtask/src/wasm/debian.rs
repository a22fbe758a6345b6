//! The way without rustup: Debian's Rust, its sources of std, and a std built from them, offline.
//!
//! worker-build asks for `+nightly` and for cargo's `-Z build-std`. Three small programs first on the path take its
//! orders instead: they drop both, and point the compiler at the std that was built here.

use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use harness::{Error, random_hex, target_dir};

use super::toolchain::{TARGET, Toolchain, new_enough};
use crate::packages;
use crate::steps::Steps;

const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";

/// The sources of std with, in `vendor`, all they depend on.
const SOURCES: &str = "/usr/lib/rustlib/src/rust/library";

/// Names of LLVM's linker for wasm, as Debian has them.
const LINKERS: [&str; 5] = ["wasm-ld-22", "wasm-ld", "wasm-ld-21", "wasm-ld-20", "wasm-ld-19"];

/// The manifest of an empty crate whose build makes std. Without the bitcode no link-time optimisation can use it.
const MANIFEST: &str = "\
[package]
name = \"std-for-workers\"
version = \"0.0.0\"
edition = \"2024\"

[workspace]

[profile.release]
opt-level = \"s\"
codegen-units = 1
";
const FLAGS: &str = "-Cembed-bitcode=yes -Cpanic=unwind";

/// The toolchain, if all of it is here.
pub(super) fn ready() -> Option<Toolchain> {
    let compiler = Compiler::find()?;
    let folder = compiler.folder();
    let linker = linker()?;
    (folder.join("bin/rustup").is_file() && Path::new(CARGO).is_file()).then(|| Toolchain {
        stand_ins: Some(folder.join("bin")),
        // By a variable of this build alone, so that rustup's users keep their own linker.
        variables: vec![("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker.into())],
    })
}

/// Installs what is missing and builds std.
pub(super) fn prepare(steps: &Steps) -> Result<Toolchain, Error> {
    let missing = missing();
    if !missing.is_empty() {
        packages::install(&missing, steps)?;
    }
    let compiler = Compiler::find().ok_or_else(|| Error::new(format!("{RUSTC} is missing or too old")))?;
    build_std(&compiler, steps)?;
    ready().ok_or_else(|| Error::new("Debian's packages are installed, but there is no linker for wasm among them"))
}

/// The packages that are not here.
pub(super) fn missing() -> Vec<&'static str> {
    let mut missing = Vec::new();
    if Compiler::find().is_none() {
        missing.push("rustc-web");
    }
    if !Path::new(CARGO).is_file() {
        missing.push("cargo-web");
    }
    if !Path::new(SOURCES).join("vendor").is_dir() {
        missing.push("rust-web-src");
    }
    if linker().is_none() {
        missing.push(packages::known(&["lld-22"]).unwrap_or("lld"));
    }
    missing
}

fn linker() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = env::split_paths(&path).chain(["/usr/bin".into()]).collect();
    LINKERS.iter().flat_map(|name| folders.iter().map(move |it| it.join(name))).find(|it| it.is_file())
}

/// The machine's own compiler.
struct Compiler {
    version: String,
    host: String,
    sysroot: PathBuf,
}

impl Compiler {
    /// If it is there and new enough.
    fn find() -> Option<Self> {
        let said = rustc(&["--version", "--verbose"])?;
        let field = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)).map(|it| it.trim().to_owned());
        let version = field("release:")?;
        let sysroot = rustc(&["--print", "sysroot"])?.trim().into();
        new_enough(&version).then_some(Self { version, host: field("host:")?, sysroot })
    }

    /// Where the std for this compiler and what goes with it are kept: elsewhere once anything else goes in.
    fn folder(&self) -> PathBuf {
        let mut hash = DefaultHasher::new();
        (&self.sysroot, &self.host, SOURCES, MANIFEST, FLAGS, stand_ins()).hash(&mut hash);
        target_dir().join("tools").join(format!("wasm-std-{}-{:016x}", self.version, hash.finish()))
    }
}

fn rustc(arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(RUSTC);
    // rustup's cargo names its own libraries there.
    command.args(arguments).env_remove("LD_LIBRARY_PATH").stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok().filter(|it| it.status.success())?;
    String::from_utf8(output.stdout).ok()
}

/// Builds std into a folder of its own, and names it as done once it is.
fn build_std(compiler: &Compiler, steps: &Steps) -> Result<(), Error> {
    let folder = compiler.folder();
    let part = folder.with_file_name(format!("wasm-std-{}", random_hex(4)));
    let result = build_std_into(&part, compiler, steps);
    let named = result.and_then(|()| {
        let _ = fs::remove_dir_all(&folder);
        fs::rename(&part, &folder).map_err(Error::doing(folder.display()))
    });
    let _ = fs::remove_dir_all(&part);
    named
}

fn build_std_into(part: &Path, compiler: &Compiler, steps: &Steps) -> Result<(), Error> {
    let source = part.join("source");
    write(&source.join("Cargo.toml"), MANIFEST)?;
    write(&source.join("src/lib.rs"), "#![no_std]\n")?;
    let mut cargo = Command::new(CARGO);
    crate::cargo::keep_ourselves_from(&mut cargo);
    for name in ["RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH", "RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS"] {
        cargo.env_remove(name);
    }
    cargo
        .args(["build", "--release", "--offline", "-Zbuild-std=std,panic_unwind", "--target", TARGET])
        .args(["--config", "source.crates-io.replace-with=\"debian\""])
        .args(["--config", &format!("source.debian.directory=\"{SOURCES}/vendor\"")])
        .env("CARGO", CARGO)
        .env("RUSTC", RUSTC)
        // A released compiler knows the unstable flags, and obeys them when told to.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", FLAGS)
        .env("CARGO_TARGET_DIR", source.join("target"))
        .env("CARGO_TERM_COLOR", "never")
        .current_dir(&source);
    steps.run("std for wasm", cargo)?;
    let built = source.join("target").join(TARGET).join("release/deps");
    let rustlib = part.join("sysroot/lib/rustlib");
    let library = rustlib.join(TARGET).join("lib");
    place(&built, &library, &compiler.sysroot.join("lib/rustlib").join(&compiler.host), &rustlib.join(&compiler.host))
        .map_err(Error::doing(library.display()))?;
    let _ = fs::remove_dir_all(&source);
    for (name, script) in stand_ins() {
        let path = part.join("bin").join(name);
        write(&path, &script)?;
        let executable = fs::set_permissions(&path, fs::Permissions::from_mode(0o755));
        executable.map_err(Error::doing(path.display()))?;
    }
    Ok(())
}

/// Moves what was built into the sysroot, and links the host's std, which build scripts and macros need, beside it.
fn place(built: &Path, library: &Path, host: &Path, link: &Path) -> std::io::Result<()> {
    fs::create_dir_all(library)?;
    for entry in fs::read_dir(built)?.flatten() {
        let is_library = entry.path().extension().is_some_and(|it| it == "rlib");
        let name = entry.file_name();
        if is_library && !name.to_string_lossy().starts_with("libstd_for_workers") {
            fs::rename(entry.path(), library.join(name))?;
        }
    }
    symlink(host, link)
}

/// The programs that stand in for rustup's. They tell from their own path where the sysroot is, beside `bin`.
fn stand_ins() -> [(&'static str, String); 3] {
    let rustc = format!(
        "#!/bin/sh\ncase \"$1\" in +*) shift ;; esac\nunset LD_LIBRARY_PATH\n\
         exec {RUSTC} --sysroot=\"${{0%/bin/*}}/sysroot\" \"$@\"\n"
    );
    // std is built already: what orders it is dropped.
    let cargo = format!(
        "#!/bin/sh\ncase \"$1\" in +*) shift ;; esac\nunset LD_LIBRARY_PATH\n\
         for word; do\n    shift\n    case \"$word\" in\n    -Z | build-std=*) ;;\n    \
         *) set -- \"$@\" \"$word\" ;;\n    esac\ndone\nexec {CARGO} \"$@\"\n"
    );
    let rustup = "#!/bin/sh\n\
                  case \"$*\" in\n\
                  --version) echo 'a stand-in for rustup' ;;\n\
                  'component list'*) echo 'rust-src (installed)' ;;\n\
                  *) echo \"this stand-in for rustup cannot do: $*\" >&2; exit 1 ;;\n\
                  esac\n";
    [("rustc", rustc), ("cargo", cargo), ("rustup", rustup.to_owned())]
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).and_then(|()| fs::write(path, text)).map_err(Error::doing(path.display()))
}
