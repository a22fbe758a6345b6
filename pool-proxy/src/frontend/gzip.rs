//! gzip for clients that take it (RFC 9110, 12.5.3).

use std::io::{self, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::Semaphore;

use super::heads::{Heads, Name};

static ACCEPT_ENCODING: Name = Name::of("accept-encoding");

/// A shorter body gains nothing that a network would notice.
pub const SHORTEST: usize = 1 << 10;
/// So many bytes are compressed before other requests get the thread.
const CHUNK: usize = 32 << 10;
/// The most long bodies that are compressed at a time: each takes a quarter of a mebibyte meanwhile.
const MOST_LONG: usize = 16;

/// Compresses bodies.
#[derive(Debug)]
pub struct Gzip {
    long: Semaphore,
}

impl Default for Gzip {
    fn default() -> Self {
        Self { long: Semaphore::new(MOST_LONG) }
    }
}

impl Gzip {
    /// A body compressed; `None` if that cannot be done or makes it no shorter.
    pub async fn pack(&self, body: Bytes) -> Option<Bytes> {
        // Never closed; a short one is done before anybody else could ask for a place.
        let _place = if body.len() > CHUNK { self.long.acquire().await.ok() } else { None };
        let packed = pack(&body).await.ok()?;
        (packed.len() < body.len()).then(|| packed.into())
    }
}

async fn pack(body: &[u8]) -> io::Result<Box<[u8]>> {
    // JSON of rows shrinks to a fifth at the lowest level already.
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    for (index, chunk) in body.chunks(CHUNK).enumerate() {
        if index > 0 {
            tokio::task::yield_now().await;
        }
        encoder.write_all(chunk)?;
    }
    Ok(encoder.finish()?.into_boxed_slice())
}

/// Whether the client takes gzip, and not rather the body as it is.
pub fn is_wanted(headers: Heads<'_>) -> bool {
    let (mut gzip, mut any, mut identity) = (None, None, None);
    // Byte by byte, since every request is asked: what splits text by characters takes three times as long.
    for value in headers.get_all(&ACCEPT_ENCODING) {
        for part in value.as_bytes().split(|byte| *byte == b',') {
            let (coding, parameters) = match part.iter().position(|byte| *byte == b';') {
                Some(end) => part.split_at(end),
                None => (part, &[][..]),
            };
            let place = match coding.trim_ascii() {
                b"*" => &mut any,
                coding if coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip") => &mut gzip,
                coding if coding.eq_ignore_ascii_case(b"identity") => &mut identity,
                _ => continue,
            };
            *place = Some(if parameters.is_empty() { 1.0 } else { quality(parameters) });
        }
    }
    // Identity is always acceptable, and chosen only where it is named before gzip.
    let gzip: f32 = gzip.or(any).unwrap_or(0.0);
    gzip > 0.0 && gzip >= identity.unwrap_or(0.0)
}

fn quality(parameters: &[u8]) -> f32 {
    // What is not text gives no weight that could be read.
    let Ok(parameters) = std::str::from_utf8(parameters) else { return 0.0 };
    let weight = parameters
        .split(';')
        .filter_map(|one| one.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    weight.map_or(1.0, |(_, value)| value.trim().parse().ok().filter(|it| (0.0..=1.0).contains(it)).unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use bytes::Bytes;
    use flate2::read::GzDecoder;
    use harness::{Dice, cases};
    use hyper::HeaderMap;
    use hyper::header::HeaderValue;

    use super::{ACCEPT_ENCODING, Gzip, Heads, is_wanted};

    #[test]
    fn a_client_says_what_it_takes() {
        for (given, expected) in [
            (&["gzip"][..], true),
            (&["gzip, deflate, br"], true),
            (&["br", "GZIP;q=0.5"], true),
            (&["x-gzip"], true),
            (&["*"], true),
            (&["gzip;q=0.5, identity;q=0.5"], true),
            (&["gzip; q=1.000"], true),
            (&[], false),
            (&[""], false),
            (&["identity"], false),
            (&["br"], false),
            (&["gzip;q=0"], false),
            (&["gzip;q=0, *"], false),
            (&["*;q=0"], false),
            (&["gzip;q=0.5, identity"], false),
            (&["gzip;q=nonsense"], false),
            (&["gzipped"], false),
        ] {
            let mut headers = HeaderMap::new();
            for value in given {
                headers.append(&*ACCEPT_ENCODING, value.parse().unwrap());
            }
            assert_eq!(is_wanted(Heads::of(&headers)), expected, "{given:?}");
        }
    }

    #[tokio::test]
    async fn a_long_body_comes_out_as_it_was() {
        let body: Vec<u8> = (0..200_000_u32).flat_map(|n| n.wrapping_mul(n).to_string().into_bytes()).collect();
        let packed = Gzip::default().pack(Bytes::from(body.clone())).await.unwrap();
        let mut unpacked = vec![];
        GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
        assert!(unpacked == body);
        // What is random already gets no shorter.
        let noise: Vec<u8> = (0..4096).map(|_| rand::random()).collect();
        assert!(Gzip::default().pack(Bytes::from(noise)).await.is_none());
    }

    #[test]
    fn whatever_is_taken_gzip_is_given_only_where_it_is_named() {
        const PIECES: &[&str] =
            &["gzip", "*", "identity", ";q=", ";", ",", "0", "1", "0.5", ".", "1e9", "-1", "NaN", " ", "br", "q"];
        let mut dice = Dice::new();
        for number in 0..cases(20_000) {
            let value = if number % 4 == 0 { dice.bytes(20) } else { dice.pieces(PIECES, 10).into_bytes() };
            let names = value.windows(4).any(|four| four == b"gzip") || value.contains(&b'*');
            let headers: HeaderMap = HeaderValue::from_bytes(&value)
                .ok()
                .map(|value| (ACCEPT_ENCODING.clone(), value))
                .into_iter()
                .collect();
            assert!(names || !is_wanted(Heads::of(&headers)), "{}", String::from_utf8_lossy(&value));
        }
    }
}
