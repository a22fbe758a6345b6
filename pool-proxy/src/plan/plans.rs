//! Plans that came before: clients send the same few again and again, with other parameters.

use std::sync::Arc;

use foldhash::quality::RandomState;
use moka::sync::Cache;

use super::Plan;
use crate::error::PlanError;

/// Room for texts, in bytes; their plans take several times as much.
const ROOM: u64 = 2 << 20;

/// Longer texts, such as imports, hardly come again.
const LONGEST: usize = 64 << 10;

/// Remembers plans by their text.
pub struct Plans(Cache<Box<str>, Arc<Plan>, RandomState>);

impl Default for Plans {
    fn default() -> Self {
        let room = Cache::<Box<str>, Arc<Plan>>::builder().max_capacity(ROOM);
        let room = room.weigher(|text, _| u32::try_from(text.len()).unwrap_or(u32::MAX));
        Self(room.build_with_hasher(RandomState::default()))
    }
}

impl Plans {
    /// The plan of a text that came before.
    pub fn known(&self, text: &str) -> Option<Arc<Plan>> {
        self.0.get(text)
    }

    /// The plan of a text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn get(&self, text: &str) -> Result<Arc<Plan>, PlanError> {
        if let Some(plan) = self.known(text) {
            return Ok(plan);
        }
        let plan = Arc::new(Plan::parse(text)?);
        if text.len() <= LONGEST {
            self.0.insert(text.into(), Arc::clone(&plan));
        }
        Ok(plan)
    }
}
