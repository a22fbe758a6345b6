//! The edge API beside the proxy: built while the proxy already answers, then run in the real Workers runtime.

use harness::{Error, Workerd, random_hex};

use super::site::Site;
use super::{Options, port};
use crate::interrupt::Interrupts;
use crate::smoke::{self, Addresses, Door};
use crate::worker::Building;

/// The edge API's port unless told otherwise: the one wrangler takes.
const PORT: u16 = 8787;

/// What chooses another.
const FLAG: &str = "--edge-port";

/// The edge API, on its way or there.
pub(super) struct Edge {
    state: State,
    /// Empty until it runs.
    url: String,
    asked: Option<u16>,
    taken: [u16; 2],
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
        let (asked, taken) = (options.edge_port, site.ports());
        // One that was asked for is best refused at once.
        if asked.is_some() {
            port::free(FLAG, asked, PORT, &taken)?;
        }
        let settings = [
            ("POOL_PROXY_URL", site.url()),
            ("POOL_PROXY_KEY", site.edge_key().to_owned()),
            ("JWT_SECRET", random_hex(32)),
        ];
        // What wasm-opt saves in size, it takes in time.
        let state = State::Building(Building::start(false, interrupts));
        Ok(Self { state, url: String::new(), asked, taken, settings })
    }

    /// Where it is, once it has come up.
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
                built.map_err(|error| Error::new(format!("{error}\n\n`cargo xtask worker` builds it by itself.")))?;
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

    /// Starts it on a port that is free now: much may have happened since the build began.
    fn run(&mut self) -> Result<Workerd, Error> {
        let port = port::free(FLAG, self.asked, PORT, &self.taken)?;
        let mut workerd = Workerd::builder().port(port).logs_to_us();
        for (name, value) in &self.settings {
            workerd = workerd.var(*name, value);
        }
        let failed = |error| Error::new(format!("{error}\nIf port {port} was taken, choose another with {FLAG}."));
        let workerd = workerd.try_start().map_err(failed)?;
        self.url = workerd.url();
        Ok(workerd)
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
