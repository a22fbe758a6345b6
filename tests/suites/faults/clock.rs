//! The proxy's clock is moved, as by an operator or after a machine has slept: a day on, and two back.

use std::fs;

use harness::{Folder, Signal, eventually, fresh_database};

use super::scene::Scene;
use super::tally::TABLES;
use super::{CAP, builder};

/// What gives a program another time (<https://github.com/wolfcw/libfaketime>); the loader knows where libraries are.
const LIBRARY: &str = "/usr/$LIB/faketime/libfaketime.so.1";

#[tokio::test(flavor = "multi_thread")]
async fn is_moved() {
    let database = fresh_database().await;
    database.batch(TABLES).await;
    let folder = Folder::new();
    let clock = folder.write("clock", "+0d");
    let proxy = builder(&database.url()).env("LD_PRELOAD", LIBRARY).env("FAKETIME_TIMESTAMP_FILE", &clock);
    // The time that only ever goes on does so at every machine.
    let proxy = proxy.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let mut proxy = proxy.config("[limits]\nquery = \"10s\"").start().await;
    let fault = "the clock moved on by a day, then back by two";
    let mut scene = Scene::begin(fault, &database.url(), (proxy.url(), proxy.key()), CAP).await;
    let mut dates = Vec::new();
    for moved in ["+0d", "+1d", "-1d"] {
        folder.write("clock", moved);
        scene.heals().await;
        // What it logs begins with the time.
        let before = proxy.stderr().lines().count();
        proxy.signal(Signal::Hangup);
        eventually(|| async { proxy.stderr().lines().count() > before }).await;
        dates.push(proxy.stderr().lines().last().unwrap()[..10].to_owned());
    }
    let moved = dates[2] < dates[0] && dates[0] < dates[1];
    assert!(moved, "the clock was not moved: {dates:?}");
    fs::remove_file(clock).unwrap();
    scene.end(&[], &[]).await;
}
