//! Building the edge API's Worker: a toolchain that can make its wasm, the tools that make a Worker of it, and the
//! build. All of it runs in the background, so whoever waits shows `Steps::now` and watches for Ctrl-C.
//!
//! The wasm is built with panics that unwind, so that one that panics does not take down the requests beside it.
//! That needs a standard library made for it: `nightly` builds one, where rustup can fetch it; elsewhere Debian's
//! packages have all the parts. What is installed lies under `target/tools` by version, and is never made twice.

mod build;
mod debian;
mod rustup;
mod toolchain;
mod tools;
mod turn;

pub(crate) use build::{build, missing_packages};
pub(crate) use toolchain::version;
