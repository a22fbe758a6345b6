//! The names of transactions: not to be guessed, and they say which instance of the proxy holds them.

use std::sync::Arc;

use uuid::Uuid;

/// Which of several proxies behind one name this is.
#[derive(Debug, Clone, Default)]
pub struct Instance(Option<Arc<str>>);

impl Instance {
    /// The longest name, in bytes.
    pub const LONGEST: usize = 64;

    /// With a name of letters, digits, `-` and `_`; `None` for the only one.
    pub fn new(name: Option<&str>) -> Option<Self> {
        let Some(name) = name else { return Some(Self(None)) };
        Self::is_name(name).then(|| Self(Some(name.into())))
    }

    /// Its name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.0.as_deref()
    }

    fn is_name(name: &str) -> bool {
        (1..=Self::LONGEST).contains(&name.len())
            && name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'))
    }

    /// A new name for a transaction held here: 122 random bits (RFC 9562, version 4), behind the instance's name.
    pub(super) fn id(&self) -> Arc<str> {
        let id = Uuid::from_bytes(rand::random()).into_bytes();
        let id = uuid::Builder::from_random_bytes(id).into_uuid();
        match &self.0 {
            Some(instance) => format!("{instance}.{id}").into(),
            None => id.to_string().into(),
        }
    }

    /// The instance that holds the transaction of this name, if it is another one.
    pub(super) fn elsewhere(&self, id: &str) -> Option<Arc<str>> {
        let (instance, rest) = id.split_once('.')?;
        let other = self.0.as_deref() != Some(instance);
        (other && Self::is_name(instance) && Uuid::try_parse(rest).is_ok()).then(|| instance.into())
    }
}

#[cfg(test)]
mod tests {
    use harness::{Dice, cases};

    use super::Instance;

    #[test]
    fn a_name_leads_to_its_instance_and_nothing_else_leads_anywhere() {
        const PIECES: &[&str] =
            &["a", "B-1", "_", ".", "-", "00000000-0000-4000-8000-000000000000", "\r\n", ";", "é", "%"];
        let here = Instance::new(Some("here")).unwrap();
        let mut dice = Dice::new();
        for number in 0..cases(20_000) {
            let name = format!("m{:x}", dice.bits());
            let there = Instance::new(Some(&name)).unwrap();
            let id = there.id();
            assert_eq!((here.elsewhere(&id).as_deref(), there.elsewhere(&id)), (Some(&*name), None));
            let mut other = id.as_bytes().to_vec();
            match number % 2 {
                0 => other = dice.pieces(PIECES, 8).into_bytes(),
                _ => dice.spoil(&mut other, PIECES),
            }
            // It becomes the value of a header.
            if let Some(instance) = here.elsewhere(&String::from_utf8_lossy(&other)) {
                let plain = instance.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'));
                assert!(plain && instance.len() <= Instance::LONGEST, "{instance}");
            }
        }
    }
}
