//! Postgres goes away and comes back.

use std::time::Duration;

use harness::{Error, Postgres, Signal};
use tokio::task::block_in_place;

use super::scene::{Scene, connect};
use super::tally::TABLES;
use super::{CAP, proxy};

/// A cluster that can be stopped without stopping other tests', with the tables of the load.
pub(super) async fn cluster() -> Postgres {
    let postgres = block_in_place(|| Postgres::start(&mut |step| eprintln!("{step}"))).unwrap();
    connect(&postgres.url()).await.unwrap().batch_execute(TABLES).await.unwrap();
    postgres
}

async fn restart(fault: &'static str, down: impl Fn(&Postgres) -> Result<(), Error>, may: &[&str]) {
    let postgres = cluster().await;
    let proxy = proxy(&postgres.url()).await;
    let mut scene = Scene::begin(fault, &postgres.url(), (proxy.url(), proxy.key()), CAP).await;
    block_in_place(|| down(&postgres)).unwrap();
    scene.suffers().await;
    block_in_place(|| postgres.come_back()).unwrap();
    scene.heals().await;
    scene.end(may, &["503"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restarted_fast() {
    restart("Postgres restarted (fast)", |postgres| postgres.go_down(Signal::Interrupt), &["502", "P", "400 57P01"])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restarted_immediate() {
    restart("Postgres restarted (immediate)", |postgres| postgres.go_down(Signal::Quit), &["502", "P"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed() {
    restart("Postgres killed (SIGKILL), restarted", Postgres::kill, &["502", "P"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped() {
    let fault = "Postgres stopped (SIGSTOP) for 30 s";
    let postgres = cluster().await;
    let proxy = proxy(&postgres.url()).await;
    let mut scene = Scene::begin(fault, &postgres.url(), (proxy.url(), proxy.key()), CAP).await;
    block_in_place(|| postgres.freeze()).unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    block_in_place(|| postgres.thaw()).unwrap();
    scene.heals().await;
    scene.end(&["502", "504", "503", "P", "no answer"], &["50"]).await;
}
