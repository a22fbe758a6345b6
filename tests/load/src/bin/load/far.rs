//! Distance: passes connections on so that every byte arrives later, and what was sent together arrives together. The tests'
//! own relay cannot be measured by: there a piece waits until the one before it has gone.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use load::Outcome;

/// Listens at `address`, until the driver ends, for a server that is far away.
pub(crate) struct Far {
    pub(crate) address: String,
}

impl Far {
    /// `round_trip` there and back, half of it each way.
    pub(crate) fn from(target: &str, round_trip: Duration) -> Outcome<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?.to_string();
        let target = target.to_owned();
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let target = target.clone();
                // Whoever is cut off here sees it.
                thread::spawn(move || carry(near, &target, round_trip).ok());
            }
        });
        Ok(Self { address })
    }
}

/// Nothing can be sent before the handshake of TCP has taken its round trip. Here it took none, so what is sent before counts
/// as sent then; who connects waits for an answer anyway.
fn carry(near: TcpStream, target: &str, round_trip: Duration) -> std::io::Result<()> {
    let connected = Instant::now() + round_trip;
    let far = TcpStream::connect(target)?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (near_back, far_back) = (near.try_clone()?, far.try_clone()?);
    thread::spawn(move || pump(far_back, near_back, round_trip / 2, connected));
    pump(near, far, round_trip / 2, connected);
    Ok(())
}

/// Reads at once, writes when it is time.
fn pump(mut from: TcpStream, mut to: TcpStream, delay: Duration, not_before: Instant) {
    let (sender, due) = mpsc::channel::<(Instant, Vec<u8>)>();
    let writer = thread::spawn(move || {
        for (when, bytes) in due {
            thread::sleep(when.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        // The other side may be gone already.
        let _ = to.shutdown(Shutdown::Write);
    });
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if sender.send((Instant::now().max(not_before) + delay, buffer[..read].to_vec())).is_err() {
            break;
        }
    }
    drop(sender);
    // It ends when all has been written.
    let _ = writer.join();
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::thread;
    use std::time::{Duration, Instant};

    use super::Far;

    #[test]
    fn what_is_sent_together_arrives_together() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let target = listener.local_addr().expect("an address").to_string();
        thread::spawn(move || {
            let (mut socket, _) = listener.accept().expect("a client");
            let mut byte = [0; 1];
            while socket.read_exact(&mut byte).is_ok() {
                socket.write_all(&byte).expect("a client that listens");
            }
        });
        let round_trip = Duration::from_millis(40);
        let far = Far::from(&target, round_trip).expect("a relay");
        let mut socket = TcpStream::connect(&far.address).expect("a connection");
        let since = Instant::now();
        for byte in b"abc" {
            socket.write_all(&[*byte]).expect("a relay that listens");
            thread::sleep(Duration::from_millis(2));
        }
        let mut back = [0; 3];
        socket.read_exact(&mut back).expect("an echo");
        assert_eq!(&back, b"abc");
        // To connect, and there and back.
        assert!(since.elapsed() >= 2 * round_trip, "{:?}", since.elapsed());
    }
}
