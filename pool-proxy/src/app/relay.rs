//! The composition root of a relay: listeners, the way to the upstream, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::signal::unix::Signal;
use tracing::{error, info, warn};

use super::traces::Traces;
use super::{
    CLOSE, FINISH, Listeners, OPERATORS, Options, ServeError, Signals, WATCH, announce, catch_up, certificate,
    is_settled, stamps, told_to_end, within_open_files,
};
use crate::config::{Config, TlsFiles};
use crate::drain::Drain;
use crate::frontend::accept::{self, Listening};
use crate::frontend::tls::Certificate;
use crate::frontend::{Relay, RelayOps, Terms};
use crate::telemetry::{ClientMetrics, Metrics};
use crate::upstream::Upstream;

/// Relays until SIGTERM or SIGINT, then finishes what runs.
pub(super) async fn serve(
    upstream: &Upstream,
    config: &Config,
    listeners: Listeners,
    options: Options,
    signals: Signals,
) -> Result<(), ServeError> {
    let (drain, ops_drain, connections) = (Drain::default(), Drain::default(), Drain::default());
    let certificate = certificate(config)?;
    let metrics = Arc::new(Metrics::new(&config.region));
    let traces = Traces::begin(config, &metrics)?;
    let lanes = Arc::new(upstream.connect(&connections));
    let ops = Arc::new(RelayOps {
        lanes: Arc::clone(&lanes),
        metrics: Arc::clone(&metrics),
        token: config.ops.token,
        leaving: AtomicBool::new(false),
    });
    let client = metrics.client();
    let relay = Arc::new(Relay { lanes, metrics, region: config.region.clone(), tracer: traces.tracer.clone() });

    let answer = move |request| Arc::clone(&relay).answer(request);
    let operators = Arc::clone(&ops);
    let answer_ops = move |request| {
        let ops = Arc::clone(&operators);
        async move { ops.answer(request).await }
    };
    let addresses = listeners.addresses()?;
    // Over HTTP/1.1 each request has a connection to the upstream.
    let terms = within_open_files(config.terms, 0, 2);
    let listening = Listening { certificate: certificate.clone(), terms, metrics: client };
    drain.spawn("public listener", accept::serve(listeners.public, listening, drain.clone(), answer));
    let terms = Terms { connections: OPERATORS, ..config.terms };
    let listening = Listening { certificate: None, terms, metrics: ClientMetrics::default() };
    ops_drain.spawn("operators' listener", accept::serve(listeners.ops, listening, ops_drain.clone(), answer_ops));

    let scheme = if certificate.is_some() { "https" } else { "http" };
    let (listen, ops_listen) = addresses;
    let to = upstream.origin();
    info!(region = config.region, "relaying {scheme}://{listen} to {to}, operators at http://{ops_listen}");
    announce(options.ready_file.as_deref(), addresses, scheme)?;
    let Signals { terminate, interrupt, hangup } = signals;
    let files = certificate.zip(config.tls.clone());
    drain.spawn_until_stopped("watch files", watch_certificate(files, hangup));

    let delay = told_to_end(terminate, interrupt, config.drain_delay).await;
    ops.leaving.store(true, Ordering::Release);
    drain.leave();
    info!(?delay, "stopping");
    tokio::time::sleep(delay).await;
    drain.stop();
    if !drain.finish(FINISH).await {
        warn!("some requests had not finished after {} seconds", FINISH.as_secs());
    }
    ops_drain.stop();
    ops_drain.finish(Duration::from_secs(1)).await;
    // Nobody asks any more, so nothing holds the connections to the upstream.
    drop(ops);
    connections.finish(CLOSE).await;
    traces.end(CLOSE).await;
    info!("stopped");
    Ok(())
}

/// Takes up a changed certificate on SIGHUP, and when its files have changed. Whatever else changes needs a restart.
async fn watch_certificate(served: Option<(Arc<Certificate>, TlsFiles)>, mut hangup: Signal) {
    let files = served.iter().flat_map(|(_, files)| [files.cert.clone(), files.key.clone()]).collect::<Vec<_>>();
    let mut seen = stamps(&files);
    catch_up(served.as_ref());
    loop {
        let asked = tokio::select! {
            _ = hangup.recv() => true,
            () = tokio::time::sleep(WATCH) => false,
        };
        let now = stamps(&files);
        if !asked && (now == seen || !is_settled(&files, &now).await) {
            continue;
        }
        seen = now;
        match served.as_ref().map(|(certificate, files)| certificate.reload(&files.cert, &files.key)) {
            Some(Ok(())) => info!("certificate read again"),
            Some(Err(error)) => error!("the certificate is not taken up: {error}"),
            None => info!("a relay without a certificate has nothing to read again"),
        }
    }
}
