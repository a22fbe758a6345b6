//! The entries, within a number of bytes, and how they go.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use moka::notification::RemovalCause;
use moka::ops::compute::{CompResult, Op};
use moka::sync::Cache;

use super::changes::Fence;
use super::entry::Entry;
use super::key::Key;
use super::tags::{Tag, TagSet, Tags};

/// What an entry costs besides its key and body, in bytes: the structures around it.
const OVERHEAD: usize = 256;
/// What a tag of an entry costs besides its text, in the entry and in the index.
const TAG_OVERHEAD: usize = 128;

/// The most tags that one entry collects from requests that hit it.
const MOST_TAGS: usize = 64;

/// An entry's weight in bytes.
fn weight(key: &Key, entry: &Entry) -> u64 {
    let tags: usize = entry.tags().iter().map(|tag| tag.len() + TAG_OVERHEAD).sum();
    let fence = entry.fence.as_ref().map_or(0, Fence::size);
    (key.len() + entry.size() + tags + fence + OVERHEAD) as u64
}

/// Finished answers in memory. Cheap to clone.
#[derive(Clone)]
pub struct Shelf {
    entries: Option<Cache<Key, Arc<Entry>>>,
    index: Arc<Mutex<Index>>,
}

/// Which entries carry a tag, and which invalidations fills under way have missed.
#[derive(Default)]
struct Index {
    keys: HashMap<(Arc<str>, Tag), HashSet<Key>>,
    next: u64,
    recent: Vec<(u64, Arc<str>, Tags)>,
    tickets: BTreeMap<u64, usize>,
}

/// Taken before a query is run: its answer is stored only if nothing invalidated it since.
pub struct Ticket {
    number: u64,
    index: Arc<Mutex<Index>>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        lock(&self.index).release(self.number);
    }
}

fn lock(index: &Mutex<Index>) -> MutexGuard<'_, Index> {
    index.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Index {
    fn add<'t>(&mut self, key: &Key, database: &Arc<str>, tags: impl IntoIterator<Item = &'t Tag>) {
        for tag in tags {
            self.keys.entry((Arc::clone(database), tag.clone())).or_default().insert(key.clone());
        }
    }

    fn remove<'t>(&mut self, key: &Key, database: &Arc<str>, tags: impl IntoIterator<Item = &'t Tag>) {
        for tag in tags {
            let place = (Arc::clone(database), tag.clone());
            if let Some(keys) = self.keys.get_mut(&place) {
                keys.remove(key);
                if keys.is_empty() {
                    self.keys.remove(&place);
                }
            }
        }
    }

    fn release(&mut self, ticket: u64) {
        if let Some(count) = self.tickets.get_mut(&ticket) {
            *count -= 1;
            if *count == 0 {
                self.tickets.remove(&ticket);
            }
        }
        let oldest = self.tickets.keys().next().copied().unwrap_or(u64::MAX);
        self.recent.retain(|(number, _, _)| *number >= oldest);
    }

    /// Whether something with these tags was invalidated since the ticket was taken.
    fn missed(&self, ticket: u64, database: &str, tags: &std::collections::BTreeSet<Tag>) -> bool {
        self.recent.iter().any(|(number, place, what)| {
            *number >= ticket
                && **place == *database
                && match what {
                    Tags::All => true,
                    Tags::Tagged => !tags.is_empty(),
                    Tags::Some(set) => set.meets(tags),
                }
        })
    }
}

struct Expiry;

impl moka::Expiry<Key, Arc<Entry>> for Expiry {
    fn expire_after_create(&self, _: &Key, entry: &Arc<Entry>, _: Instant) -> Option<Duration> {
        // What is true until it changes has no time of its own.
        if entry.may_be_true() { None } else { Some(entry.lifetime.saturating_sub(entry.age())) }
    }

    fn expire_after_update(&self, key: &Key, entry: &Arc<Entry>, at: Instant, _: Option<Duration>) -> Option<Duration> {
        self.expire_after_create(key, entry, at)
    }
}

impl Shelf {
    /// For so many bytes of keys and answers; 0 keeps nothing.
    pub fn new(bytes: u64) -> Self {
        let index: Arc<Mutex<Index>> = Arc::default();
        let entries = (bytes > 0).then(|| {
            let index = Arc::clone(&index);
            Cache::builder()
                .max_capacity(bytes)
                .weigher(|key, entry: &Arc<Entry>| u32::try_from(weight(key, entry)).unwrap_or(u32::MAX))
                .expire_after(Expiry)
                .eviction_listener(move |key, entry: Arc<Entry>, cause| {
                    // A replaced entry's key is another entry's now; whoever replaced it has seen to its tags.
                    if cause != RemovalCause::Replaced {
                        lock(&index).remove(&key, &entry.database, entry.tags().iter());
                        entry.release();
                    }
                })
                .build()
        });
        Self { entries, index }
    }

    /// Whether anything is ever kept.
    pub fn is_on(&self) -> bool {
        self.entries.is_some()
    }

    /// The entry, however old, as long as it is kept. One that is being stored is none yet.
    pub fn get(&self, key: &Key) -> Option<Arc<Entry>> {
        self.entries.as_ref()?.get(key).filter(|entry| entry.is_settled())
    }

    /// To be taken before the query runs whose answer may be stored.
    pub fn ticket(&self) -> Ticket {
        let mut index = lock(&self.index);
        let number = index.next;
        *index.tickets.entry(number).or_default() += 1;
        Ticket { number, index: Arc::clone(&self.index) }
    }

    /// Which invalidation was the last: what was begun under another number may have missed one.
    pub fn generation(&self) -> u64 {
        lock(&self.index).next
    }

    /// Stores an answer, unless it was invalidated while its query ran or is larger than the whole shelf; says whether
    /// it did.
    pub fn store(&self, ticket: &Ticket, entry: impl Into<Arc<Entry>>) -> bool {
        let Some(entries) = &self.entries else { return false };
        let entry = entry.into();
        if entries.policy().max_capacity().is_some_and(|most| weight(&entry.key, &entry) > most) {
            return false;
        }
        self.put(entries, ticket, &entry, false)
    }

    /// Adds the tags of a request that was answered by an entry. `ticket` is when that request began, where it waited
    /// for the answer: an invalidation of its tags since then counts.
    pub fn add_tags(&self, entry: &Arc<Entry>, tags: &TagSet, ticket: Option<&Ticket>) {
        let Some(entries) = &self.entries else { return };
        let now = self.ticket();
        if !entries.get(&entry.key).is_some_and(|held| Arc::ptr_eq(&held, entry)) {
            return;
        }
        entry.tags().extend(tags.iter().cloned());
        // Once more, since it weighs more.
        self.put(entries, ticket.unwrap_or(&now), entry, true);
    }

    /// Counts an entry that has grown.
    pub fn weigh_again(&self, entry: &Arc<Entry>) {
        // The same again, without tags that would be new.
        self.add_tags(entry, &TagSet::default(), None);
    }

    /// Puts an entry in its place, and its tags into the index; `again` if it is there already.
    fn put(&self, entries: &Cache<Key, Arc<Entry>>, ticket: &Ticket, entry: &Arc<Entry>, again: bool) -> bool {
        let key = &entry.key;
        let mut before = None;
        if again {
            if !put_again(entries, entry) {
                return false;
            }
        } else {
            entries.entry_by_ref(key).and_compute_with(|held| {
                before = held.map(moka::Entry::into_value);
                Op::Put(Arc::clone(entry))
            });
        }
        if let Some(before) = &before {
            before.release();
        }
        let missed = {
            let mut index = lock(&self.index);
            if let Some(before) = before {
                let gone = before.tags().difference(&entry.tags()).cloned().collect::<Vec<_>>();
                index.remove(key, &before.database, &gone);
            }
            let tags = entry.tags();
            index.add(key, &entry.database, tags.iter());
            // An invalidation before this found nothing to drop; one from now on will, so from now on it may be given.
            let missed = index.missed(ticket.number, &entry.database, &tags);
            if !missed {
                entry.settle();
            }
            missed
        };
        if missed {
            entries.invalidate(key);
        }
        !missed && (again || self.admit(entries, entry))
    }

    /// Puts an entry under watch that is to be kept until it changes. If it has changed already, it is kept for its time,
    /// if it has one.
    fn admit(&self, entries: &Cache<Key, Arc<Entry>>, entry: &Arc<Entry>) -> bool {
        let Some(fence) = &entry.fence else { return true };
        if fence.admit(entry) {
            // It may have been dropped before it was under watch, and nobody would take it out then.
            if !entries.get(&entry.key).is_some_and(|held| Arc::ptr_eq(&held, entry)) {
                entry.release();
            }
            return true;
        }
        self.discard(std::slice::from_ref(entry));
        entry.has_time()
    }

    /// Drops entries that are true no more, but for those that have a time of their own.
    pub fn discard(&self, fallen: &[Arc<Entry>]) {
        let Some(entries) = &self.entries else { return };
        for entry in fallen {
            if entry.has_time() {
                put_again(entries, entry);
            } else {
                entries.entry_by_ref(&entry.key).and_compute_with(|held| match held {
                    Some(held) if Arc::ptr_eq(held.value(), entry) => Op::Remove,
                    _ => Op::Nop,
                });
            }
        }
    }

    /// Whether an entry has no room for these tags besides its own.
    pub fn is_full_of_tags(entry: &Entry, tags: &TagSet) -> bool {
        let held = entry.tags();
        held.len() + tags.tags().difference(&held).count() > MOST_TAGS
    }

    /// Whether an entry carries all of these tags.
    pub fn carries(entry: &Entry, tags: &TagSet) -> bool {
        tags.is_empty() || tags.tags().is_subset(&entry.tags())
    }

    /// Drops what is invalidated of a database, and keeps fills under way from storing what they read before. When it
    /// returns, it is gone.
    pub fn invalidate(&self, database: &Arc<str>, what: &Tags) {
        let Some(entries) = &self.entries else { return };
        let keys: Vec<Key> = {
            let mut index = lock(&self.index);
            let number = index.next;
            index.next += 1;
            if !index.tickets.is_empty() {
                index.recent.push((number, Arc::clone(database), what.clone()));
            }
            match what {
                Tags::All => vec![],
                Tags::Tagged => {
                    let tagged = index.keys.extract_if(|(place, _), _| place == database);
                    tagged.flat_map(|(_, keys)| keys).collect()
                }
                Tags::Some(tags) => tags
                    .iter()
                    .filter_map(|tag| index.keys.remove(&(Arc::clone(database), tag.clone())))
                    .flatten()
                    .collect(),
            }
        };
        if *what == Tags::All {
            for (key, entry) in entries {
                if entry.database == *database {
                    entries.invalidate(&*key);
                }
            }
        }
        for key in keys {
            entries.invalidate(&key);
        }
    }

    /// Entries and bytes held now, as far as moka has counted them.
    pub fn size(&self) -> (u64, u64) {
        let Some(entries) = &self.entries else { return (0, 0) };
        entries.run_pending_tasks();
        (entries.entry_count(), entries.weighted_size())
    }
}

/// Puts an entry in its own place once more: its weight or its time are others now. Only if it is still there: what was
/// dropped just now must not come back.
fn put_again(entries: &Cache<Key, Arc<Entry>>, entry: &Arc<Entry>) -> bool {
    let put = entries.entry_by_ref(&entry.key).and_compute_with(|held| match held {
        Some(held) if Arc::ptr_eq(held.value(), entry) => Op::Put(Arc::clone(entry)),
        _ => Op::Nop,
    });
    matches!(put, CompResult::ReplacedWith(_))
}

#[cfg(test)]
mod tests;
