//! The edge API beside the proxy: built while the proxy already answers, then run in the real Workers runtime.

use harness::{Error, Workerd, random_hex};

use super::site::Site;
use super::{Options, port};
use crate::interrupt::Interrupts;
use crate::smoke::{self, Addresses, Door};
use crate::worker::Building;

/// The edge API's port unless told otherwise: the one wrangler takes.
const PORT: u16 = 8787;

/// The edge API, on its way or there.
pub(super) struct Edge {
    state: State,
    url: String,
    port: u16,
    /// What the Worker is told.
    settings: [(&'static str, String); 3],
}

enum State {
    Building(Building),
    Running(Box<Workerd>),
    Failed,
}

impl Edge {
    /// Starts to build it.
    pub(super) fn start(options: Options, site: &Site, interrupts: &Interrupts) -> Result<Self, Error> {
        let port = port::free("--edge-port", options.edge_port, PORT, &site.ports())?;
        let settings = [
            ("POOL_PROXY_URL", site.url()),
            ("POOL_PROXY_KEY", site.edge_key().to_owned()),
            ("JWT_SECRET", random_hex(32)),
        ];
        // What wasm-opt saves in size, it takes in time.
        let state = State::Building(Building::start(false, interrupts));
        Ok(Self { state, url: format!("http://127.0.0.1:{port}"), port, settings })
    }

    /// Where it is, or will be.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Whether it is not there yet, and still to come.
    pub(super) fn is_building(&self) -> bool {
        matches!(self.state, State::Building(_))
    }

    /// What is done at this moment to have it.
    pub(super) fn now(&self) -> String {
        match &self.state {
            State::Building(building) => building.now(),
            State::Running(_) | State::Failed => String::new(),
        }
    }

    /// Looks how it is doing: true once, when it has come up. An error is told once, too.
    pub(super) fn look(&mut self) -> Result<bool, Error> {
        match &mut self.state {
            State::Failed => Ok(false),
            State::Building(building) => {
                let Some(built) = building.finished() else {
                    return Ok(false);
                };
                self.state = State::Failed;
                built?;
                self.state = State::Running(Box::new(self.run()?));
                Ok(true)
            }
            State::Running(workerd) => match workerd.exited() {
                None => Ok(false),
                Some(status) => {
                    self.state = State::Failed;
                    Err(Error::new(format!("workerd ended by itself with {status}; see its log above")))
                }
            },
        }
    }

    fn run(&self) -> Result<Workerd, Error> {
        let mut workerd = Workerd::builder().port(self.port).logs_to_us();
        for (name, value) in &self.settings {
            workerd = workerd.var(*name, value);
        }
        workerd.try_start()
    }

    /// Says where it is and what to do with it.
    pub(super) fn introduce(&self, site: &Site) {
        let addresses = Addresses { proxy: &site.url(), key: site.key(), edge: &self.url };
        println!("\n  edge API   {}", self.url);
        for request in smoke::requests().iter().filter(|it| it.door == Door::Edge) {
            println!("\n  {}:\n{}", request.title, request.curl(addresses));
        }
        println!();
    }

    /// Ends it, or what builds it.
    pub(super) fn stop(self) {
        if let State::Building(building) = self.state {
            building.stop();
        }
    }
}
