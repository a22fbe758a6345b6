use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::super::tests::{executing, message, read, result, row, taken};
use super::super::{Reader, Wire};
use super::{ANY_ROW, MOST, Taken, WORTH_WAKING};

/// How often somebody was woken.
#[derive(Debug, Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Woken {
    fn times(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Somebody who counts, and what wakes them.
fn sleeper() -> (Arc<Woken>, Waker) {
    let woken = Arc::new(Woken::default());
    (Arc::clone(&woken), woken.into())
}

fn messages(rows: &[&[u8]]) -> Vec<u8> {
    rows.iter().flat_map(|row| message(b'D', row)).collect()
}

/// Shows the bytes as they come, in chunks of a size, takes after each, and gives what is handed on and what was taken, and whether
/// one was told to be the last.
fn read_rows(wire: &Wire, reader: &Reader, bytes: &[u8], size: usize) -> (Vec<u8>, Vec<u8>, bool) {
    let (mut passed, mut rows, mut held, mut is_last) = (Vec::new(), Vec::new(), Vec::new(), false);
    for chunk in bytes.chunks(size) {
        let mut shown = [&*std::mem::take(&mut held), chunk].concat();
        let (kept, again) = wire.state().receive(&mut shown).unwrap();
        passed.extend_from_slice(&shown[..kept]);
        held = shown[kept..kept + again].to_vec();
        let (found, more) = taken(reader);
        assert!(!is_last || (found, &*more) == (Taken::Nothing, b""));
        assert_eq!(found == Taken::Nothing, more.is_empty() && found != Taken::Last);
        is_last |= found == Taken::Last;
        rows.extend_from_slice(&more);
    }
    (passed, rows, is_last)
}

#[test]
fn rows_are_set_aside_whole() {
    let (short, long) = (row(2, 0), row(3, 200));
    let (sent, handed_on) = result(&[&short, &long, &short]);
    for size in (1..40).chain([sent.len()]) {
        let wire = executing(1);
        let reader = wire.read_rows(0, true);
        let expected = (handed_on.clone(), messages(&[&short, &long, &short]), false);
        assert_eq!(read_rows(&wire, &reader, &sent, size), expected, "chunks of {size}");
    }
}

#[test]
fn each_reader_gets_the_rows_of_its_own_execution() {
    let rows = [row(1, 1), row(2, 2), row(3, 3)];
    let answers: Vec<_> = rows.iter().map(|row| result(&[row, row])).collect();
    let wire = executing(3);
    // Nobody reads those of the one in the middle here: tokio-postgres does.
    let readers = [wire.read_rows(0, true), wire.read_rows(2, true)];
    let sent: Vec<u8> = answers.iter().flat_map(|(sent, _)| sent.clone()).collect();
    let expected = [&*answers[0].1, &answers[1].0, &answers[2].1].concat();
    assert_eq!(read(&mut wire.state(), &sent, 11), expected);
    assert_eq!(taken(&readers[0]), (Taken::Rows, messages(&[&rows[0], &rows[0]])));
    assert_eq!(taken(&readers[1]), (Taken::Rows, messages(&[&rows[2], &rows[2]])));
    assert_eq!(taken(&readers[1]), (Taken::Nothing, Vec::new()));
}

#[test]
fn a_row_over_the_limit_is_told_behind_those_before_it_and_is_the_last() {
    let (short, long) = (row(2, 0), row(2, 500));
    let (sent, handed_on) = result(&[&short, &long, &short]);
    for size in [1, 7, 100, sent.len()] {
        let wire = executing(1);
        wire.limit_rows(100);
        let reader = wire.read_rows(0, true);
        // A limit for what comes later is none for this.
        wire.limit_rows(0);
        assert_eq!(read_rows(&wire, &reader, &sent, size), (handed_on.clone(), messages(&[&short]), true));
        assert_eq!(wire.completion(0).unwrap().tag.as_deref(), Some("SELECT 2"));

        // None of it holds for what the proxy asks for itself.
        let wire = executing(1);
        wire.limit_rows(100);
        let reader = wire.read_rows(0, false);
        let all = (handed_on.clone(), messages(&[&short, &long, &short]), false);
        assert_eq!(read_rows(&wire, &reader, &sent, size), all);
    }
}

#[test]
fn who_waits_is_woken_by_much_and_by_a_row_over_the_limit() {
    let short = row(1, 0);
    for (large, expected) in [(row(1, WORTH_WAKING), Taken::Rows), (row(1, 3 * WORTH_WAKING), Taken::Last)] {
        let wire = executing(1);
        wire.limit_rows(2 * WORTH_WAKING);
        let reader = wire.read_rows(0, true);
        let (woken, waker) = sleeper();
        let (cx, mut rows) = (Context::from_waker(&waker), Vec::new());
        assert_eq!(reader.take(&mut rows, &cx), Taken::Nothing);
        read(&mut wire.state(), &message(b'D', &short), 100);
        assert_eq!(woken.times(), 0, "so little can wait for more");
        read(&mut wire.state(), &message(b'D', &large), 9999);
        assert_eq!(woken.times(), 1);
        assert_eq!(reader.take(&mut rows, &cx), expected);
        let all = [&*short, &large];
        assert_eq!(rows, messages(if expected == Taken::Last { &all[..1] } else { &all }));
        // Told once.
        assert_eq!((reader.take(&mut rows, &cx), &*rows), (Taken::Nothing, &b""[..]));
    }
}

#[test]
fn no_more_is_read_from_the_server_than_there_is_room_for() {
    let wire = executing(2);
    let (first, second) = (wire.read_rows(0, true), wire.read_rows(1, true));
    let (woken, waker) = sleeper();
    let cx = Context::from_waker(&waker);
    let part = message(b'D', &row(1, MOST / 2));
    read(&mut wire.state(), &part, 9999);
    assert!(wire.poll_room(&cx).is_ready());
    // Half a row takes no room: it would wait for its own end.
    read(&mut wire.state(), &part[..part.len() - 1], 9999);
    assert!(wire.poll_room(&cx).is_ready());
    read(&mut wire.state(), &part[part.len() - 1..], 9999);
    assert_eq!((wire.poll_room(&cx), woken.times()), (Poll::Pending, 0));
    assert_eq!(taken(&first).0, Taken::Rows);
    assert_eq!(woken.times(), 1);
    assert!(wire.poll_room(&cx).is_ready());

    // Nor is there room once the execution is over, until its rows are taken, or nobody wants them.
    for (reader, is_over) in [(first, false), (second, true)] {
        read(&mut wire.state(), &part.repeat(3), 9999);
        if is_over {
            read(&mut wire.state(), &result(&[]).1, 9999);
        }
        assert_eq!(wire.poll_room(&cx), Poll::Pending);
        let before = woken.times();
        if is_over {
            drop(reader);
        } else {
            reader.stop();
        }
        assert_eq!(woken.times(), before + 1);
        assert!(wire.poll_room(&cx).is_ready());
        read(&mut wire.state(), &result(&[]).1, 9999);
    }
}

#[test]
fn rows_that_nobody_wants_any_more_go_nowhere() {
    let (sent, handed_on) = result(&[&row(2, 50), &row(2, 60)]);
    // From the middle of the first row on.
    let (before, behind) = sent.split_at(30);
    for leaves in [false, true] {
        let wire = executing(2);
        let (reader, next) = (wire.read_rows(0, true), wire.read_rows(1, true));
        let mut passed = read(&mut wire.state(), before, 5);
        reader.stop();
        let reader = Some(reader).filter(|_| !leaves);
        passed.extend(read(&mut wire.state(), behind, 5));
        assert_eq!(passed, handed_on);
        assert!(reader.is_none_or(|reader| taken(&reader) == (Taken::Nothing, Vec::new())));
        read(&mut wire.state(), &sent, 5);
        assert_eq!(taken(&next), (Taken::Rows, messages(&[&row(2, 50), &row(2, 60)])));
        drop(next);
        assert!(wire.state().aside.readings.is_empty());
        assert!(wire.poll_room(&Context::from_waker(Waker::noop())).is_ready());
    }
}

#[test]
fn a_reader_of_what_was_never_sent_leaves_nothing() {
    let wire = executing(1);
    drop(wire.read_rows(1, true));
    assert!(wire.state().aside.readings.is_empty());
}

#[test]
fn a_row_that_nobody_reads_is_handed_on_unless_it_is_over_the_limit() {
    let (short, long) = (row(1, ANY_ROW - 6), row(1, ANY_ROW));
    // Of a text of several statements, and of an execution of the library's own.
    for wire in [Wire::default(), executing(1)] {
        wire.state().started = true;
        wire.limit_rows(100);
        let sent = messages(&[&short, &long, &short]);
        assert!(read(&mut wire.state(), &sent, 999) == messages(&[&short, &short]));
        wire.limit_rows(0);
        assert!(read(&mut wire.state(), &sent, 999) == sent);
        // Where there is none, there is that of any message.
        let head = [b'D', 0x7f, 0, 0, 0];
        assert_eq!(wire.state().receive(&mut head.clone()).unwrap(), (0, 0));
    }
}

#[test]
fn very_many_readers_find_their_rows() {
    let count = 100_000;
    let wire = executing(count);
    let readers: Vec<_> = (0..count as u64).map(|execution| wire.read_rows(execution, true)).collect();
    let answers: Vec<u8> = (0..count).flat_map(|number| result(&[&row(1, number % 7)]).0).collect();
    let mut cut = answers.chunks(50_000);
    let mut held = Vec::new();
    for (number, reader) in readers.into_iter().enumerate() {
        let mut rows = taken(&reader);
        while rows.0 == Taken::Nothing {
            let mut shown = [&*held, cut.next().unwrap()].concat();
            let (kept, again) = wire.state().receive(&mut shown).unwrap();
            held = shown[kept..kept + again].to_vec();
            rows = taken(&reader);
        }
        assert_eq!(rows.1, messages(&[&row(1, number % 7)]));
    }
    assert!(wire.state().aside.readings.is_empty());
}

#[test]
fn the_last_who_asks_is_woken() {
    let wire = executing(1);
    let reader = wire.read_rows(0, true);
    let ((first, one), (second, other)) = (sleeper(), sleeper());
    for waker in [&one, &other] {
        assert_eq!(reader.take(&mut Vec::new(), &Context::from_waker(waker)), Taken::Nothing);
    }
    read(&mut wire.state(), &message(b'D', &row(1, WORTH_WAKING)), 9999);
    assert_eq!((first.times(), second.times()), (0, 1));
}

#[test]
fn who_may_have_too_much_already_is_woken_by_that() {
    let wire = executing(1);
    wire.limit_rows(1000);
    let reader = wire.read_rows(0, true);
    let (woken, waker) = sleeper();
    reader.take(&mut Vec::new(), &Context::from_waker(&waker));
    let part = message(b'D', &row(1, 400));
    read(&mut wire.state(), &part.repeat(2), 9999);
    assert_eq!(woken.times(), 0);
    read(&mut wire.state(), &part, 9999);
    assert_eq!(woken.times(), 1);
}

#[test]
fn neither_rows_nor_what_passes_is_in_what_debug_shows() {
    let wire = executing(1);
    let _reader = wire.read_rows(0, true);
    read(&mut wire.state(), &message(b'D', &row(1, 40)), 9999);
    let shown = format!("{wire:?}");
    assert!(shown.contains("whole: 51") && !shown.contains("120, 120"), "{shown}");
}
