//! A TCP relay between a proxy and what it speaks to, with the accidents of a network at the test's command.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Passes bytes on, as long as nothing else is commanded. What is commanded holds for connections that are open and for
/// those to come, unless it says otherwise.
#[derive(Debug)]
pub struct Relay {
    address: String,
    opened: Arc<AtomicUsize>,
    open: Arc<Mutex<BTreeSet<usize>>>,
    weather: Arc<watch::Sender<Weather>>,
    /// How often something was passed on.
    moves: Arc<AtomicUsize>,
}

/// A way through a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From who connects.
    Out,
    /// From the server.
    Back,
}

/// What becomes of who connects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Newcomers {
    #[default]
    Served,
    Refused,
    Hung,
    Held,
}

/// How fast what comes goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Pace {
    #[default]
    Free,
    /// A byte a second each way.
    Trickle,
}

#[derive(Clone, Debug, Default)]
struct Weather {
    newcomers: Newcomers,
    stalled_out: bool,
    stalled_back: bool,
    pace: Pace,
    delay_out: Duration,
    delay_back: Duration,
    /// The same for streams of changes alone, besides, and for all other sessions.
    delay_streams: Duration,
    delay_sessions: Duration,
    /// Connections up to this one are ended.
    ended: usize,
    /// What ends, ends in good order (FIN), instead of being reset.
    orderly: bool,
    /// Connections up to this one are held open, and carry nothing.
    lost: usize,
    /// How many bytes may still come back on a connection before it is reset.
    left: Option<usize>,
}

impl Weather {
    fn stalls(&self, way: Way) -> bool {
        match way {
            Way::Out => self.stalled_out,
            Way::Back => self.stalled_back,
        }
    }

    fn delay(&self, way: Way) -> Duration {
        match way {
            Way::Out => self.delay_out,
            Way::Back => self.delay_back,
        }
    }
}

impl Relay {
    /// In front of the server of a URL, `scheme://host:port` or `scheme://user:password@host:port/...`.
    pub async fn to(url: &str) -> Self {
        let target = server(url).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let relay = Self {
            address,
            opened: Arc::default(),
            open: Arc::default(),
            weather: Arc::new(watch::Sender::new(Weather::default())),
            moves: Arc::default(),
        };
        let (opened, open, weather) = (Arc::clone(&relay.opened), Arc::clone(&relay.open), relay.weather.subscribe());
        let moves = Arc::clone(&relay.moves);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let number = opened.fetch_add(1, Ordering::SeqCst) + 1;
                let newcomers = weather.borrow().newcomers;
                if newcomers == Newcomers::Refused {
                    end(&near, &weather);
                    continue;
                }
                let (target, open, mut weather) = (target.clone(), Arc::clone(&open), weather.clone());
                let moves = Arc::clone(&moves);
                open.lock().unwrap().insert(number);
                tokio::spawn(async move {
                    let ended = |weather: &Weather| number <= weather.ended;
                    match newcomers {
                        Newcomers::Hung => drop(weather.wait_for(ended).await),
                        Newcomers::Held => {
                            let goes_on = |weather: &Weather| weather.newcomers != Newcomers::Held || ended(weather);
                            drop(weather.wait_for(goes_on).await);
                            carry(near, &target, number, weather, moves).await;
                        }
                        Newcomers::Served | Newcomers::Refused => carry(near, &target, number, weather, moves).await,
                    }
                    open.lock().unwrap().remove(&number);
                });
            }
        });
        relay
    }

    /// The URL that goes through this relay.
    pub fn url(&self, url: &str) -> String {
        url.replacen(server(url), &self.address, 1)
    }

    /// How many connections there have been, refused ones included.
    pub fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }

    /// Resets (RST) all connections there are, on both sides; returns when that is done.
    pub async fn reset(&self) {
        self.end_all(|_| {}).await;
    }

    /// Ends all connections there are, and at once whoever connects from now on: in good order, as a server does that
    /// stops. Returns when that is done.
    pub async fn cut(&self) {
        self.end_all(|weather| {
            weather.newcomers = Newcomers::Refused;
            weather.orderly = true;
        })
        .await;
    }

    async fn end_all(&self, more: impl FnOnce(&mut Weather)) {
        let last = self.opened();
        self.weather.send_modify(|weather| {
            more(weather);
            weather.ended = last;
        });
        while self.open.lock().unwrap().first().is_some_and(|first| *first <= last) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Resets whoever connects from now on. Connections that are open are left alone.
    pub fn refuse(&self) {
        self.weather.send_modify(|weather| weather.newcomers = Newcomers::Refused);
    }

    /// Whoever connects from now on gets no answer, ever. Connections that are open are left alone.
    pub fn hang(&self) {
        self.weather.send_modify(|weather| weather.newcomers = Newcomers::Hung);
    }

    /// Whoever connects from now on gets through only after [`forward`](Self::forward), with all it has sent by then.
    /// Connections that are open are left alone.
    pub fn hold(&self) {
        self.weather.send_modify(|weather| weather.newcomers = Newcomers::Held);
    }

    /// Nothing goes this way until [`forward`](Self::forward); what was sent waits.
    pub fn stall(&self, way: Way) {
        self.weather.send_modify(|weather| match way {
            Way::Out => weather.stalled_out = true,
            Way::Back => weather.stalled_back = true,
        });
    }

    /// Each connection carries a byte a second each way, until [`forward`](Self::forward).
    pub fn trickle(&self) {
        self.weather.send_modify(|weather| weather.pace = Pace::Trickle);
    }

    /// What goes this way arrives so much later.
    pub fn delay(&self, way: Way, delay: Duration) {
        self.weather.send_modify(|weather| match way {
            Way::Out => weather.delay_out = delay,
            Way::Back => weather.delay_back = delay,
        });
    }

    /// What comes back to who follows the changes of a database arrives so much later than all else.
    pub fn delay_streams(&self, delay: Duration) {
        self.weather.send_modify(|weather| weather.delay_streams = delay);
    }

    /// What comes back to all others arrives so much later than what comes to those.
    pub fn delay_sessions(&self, delay: Duration) {
        self.weather.send_modify(|weather| weather.delay_sessions = delay);
    }

    /// The connections there are carry nothing any more, and stay open all the same on both sides, as when a firewall
    /// has forgotten them. New ones are not concerned.
    pub fn lose(&self) {
        let last = self.opened();
        self.weather.send_modify(|weather| weather.lost = last);
    }

    /// Resets those that were lost, as keepalives do at either end after a while; returns when that is done.
    pub async fn end_lost(&self) {
        let last = self.weather.borrow().lost;
        self.weather.send_modify(|weather| weather.ended = weather.ended.max(last));
        while self.open.lock().unwrap().first().is_some_and(|first| *first <= last) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// A connection is reset after so many more bytes have come back on it.
    pub fn cut_after(&self, bytes: usize) {
        self.weather.send_modify(|weather| weather.left = Some(bytes));
    }

    /// Waits until nothing has been passed on for a while: what was on its way is there.
    pub async fn quiet(&self) {
        const WHILE: Duration = Duration::from_millis(300);
        let mut before = None;
        while before != Some(self.moves.load(Ordering::Relaxed)) {
            before = Some(self.moves.load(Ordering::Relaxed));
            tokio::time::sleep(WHILE).await;
        }
    }

    /// Ends every stall, delay, refusal, hold and cut to come. What was lost stays lost.
    pub fn forward(&self) {
        self.weather.send_modify(|weather| {
            *weather = Weather { ended: weather.ended, lost: weather.lost, ..Weather::default() };
        });
    }
}

/// What the two ways of a connection share.
struct Carried {
    /// It is a stream of changes.
    stream: AtomicBool,
    moves: Arc<AtomicUsize>,
}

async fn carry(
    mut near: TcpStream,
    target: &str,
    number: usize,
    weather: watch::Receiver<Weather>,
    moves: Arc<AtomicUsize>,
) {
    let Ok(mut far) = TcpStream::connect(target).await else { return };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (mut ends, mut losses) = (weather.clone(), weather.clone());
    let carried = Carried { stream: AtomicBool::new(false), moves };
    let lost = {
        let (near_read, near_write) = near.split();
        let (far_read, far_write) = far.split();
        let out = pump(near_read, far_write, Way::Out, weather.clone(), &carried);
        let back = pump(far_read, near_write, Way::Back, weather.clone(), &carried);
        tokio::select! {
            _ = ends.wait_for(|weather| number <= weather.ended) => false,
            _ = losses.wait_for(|weather| number <= weather.lost) => true,
            ended = async { tokio::try_join!(out, back) } => match ended {
                // Both sides have come to their end by themselves.
                Ok(_) => return,
                Err(_) => false,
            },
        }
    };
    if lost {
        let _ = ends.wait_for(|weather| number <= weather.ended).await;
    }
    end(&near, &weather);
    end(&far, &weather);
}

/// What becomes of a socket that is dropped next.
fn end(socket: &TcpStream, weather: &watch::Receiver<Weather>) {
    if !weather.borrow().orderly {
        let _ = socket.set_zero_linger();
    }
}

/// Carries bytes one way until their end, or an error.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    way: Way,
    mut weather: watch::Receiver<Weather>,
    carried: &Carried,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    let mut passed = 0;
    let mut first = true;
    let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
    loop {
        let read = from.read(&mut buffer).await?;
        // Its first message says what a session is for.
        if way == Way::Out && std::mem::take(&mut first) && contains(&buffer[..read], b"replication\0") {
            carried.stream.store(true, Ordering::Relaxed);
        }
        let mut delay = weather.borrow().delay(way);
        if way == Way::Back {
            let weather = weather.borrow();
            delay +=
                if carried.stream.load(Ordering::Relaxed) { weather.delay_streams } else { weather.delay_sessions };
        }
        tokio::time::sleep(delay).await;
        weather.wait_for(|weather| !weather.stalls(way)).await.map_err(gone)?;
        if read == 0 {
            return to.shutdown().await;
        }
        // Each connection counts for itself: a test that cuts has one that matters.
        let left = weather.borrow().left.filter(|_| way == Way::Back);
        let left = left.map_or(usize::MAX, |left| left.saturating_sub(passed));
        let rest = trickle(&buffer[..read.min(left)], &mut to, &mut weather).await?;
        to.write_all(rest).await?;
        carried.moves.fetch_add(1, Ordering::Relaxed);
        if left <= read {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        passed = if left == usize::MAX { 0 } else { passed + read };
    }
}

/// Writes a byte a second while that is commanded; hands back what is left then.
async fn trickle<'a>(
    mut bytes: &'a [u8],
    to: &mut WriteHalf<'_>,
    weather: &mut watch::Receiver<Weather>,
) -> io::Result<&'a [u8]> {
    while let Some((first, rest)) = bytes.split_first()
        && weather.borrow().pace == Pace::Trickle
    {
        to.write_all(&[*first]).await?;
        bytes = rest;
        let over = weather.wait_for(|weather| weather.pace != Pace::Trickle);
        let _ = tokio::time::timeout(Duration::from_secs(1), over).await;
    }
    Ok(bytes)
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

fn server(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    let after = after.rsplit_once('@').map_or(after, |(_, after)| after);
    after.split('/').next().unwrap_or(after)
}
