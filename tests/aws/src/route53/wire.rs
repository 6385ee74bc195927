//! A name server over UDP (RFC 1035, and as much of RFC 6891 as a client expects).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::name;
use super::resolve::{Found, Resolution};
use crate::shared::Shared;
use crate::world::World;

/// Answers queries until it is dropped.
#[derive(Debug)]
pub(crate) struct Resolver {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Resolver {
    /// Begins on that socket.
    ///
    /// # Errors
    /// No thread, or no address.
    pub(crate) fn start(socket: UdpSocket, shared: Shared) -> io::Result<Self> {
        let address = socket.local_addr()?;
        socket.set_read_timeout(Some(LOOK_FOR_THE_END))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        thread::Builder::new().name("names".to_owned()).spawn(move || {
            let mut buffer = [0; 1500];
            while !stopped.load(Ordering::Relaxed) {
                let Ok((length, peer)) = socket.recv_from(&mut buffer) else { continue };
                let query = buffer.get(..length).unwrap_or_default();
                if let Some(answer) = answer(&mut shared.lock(), query, peer.ip()) {
                    // A client that is gone asks again or not.
                    let _gone = socket.send_to(&answer, peer);
                }
            }
        })?;
        Ok(Self { address, stop })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

const LOOK_FOR_THE_END: Duration = Duration::from_millis(200);

/// The answer to a query; none to what is no query.
fn answer(world: &mut World, query: &[u8], peer: IpAddr) -> Option<Vec<u8>> {
    let question = Question::of(query)?;
    let asked = name::normal(&question.name);
    let found = match (&asked, kind_name(question.kind)) {
        (Ok(asked), Some(kind)) if question.class == CLASS_IN => world.resolve(asked, kind, peer),
        _ => Found::NotHere,
    };
    let soa = |zone: &str, code| (code, Vec::new(), soa(zone));
    let (code, records, authority) = match &found {
        Found::Records(records) => (0, records.iter().filter_map(encode).collect::<Vec<_>>(), None),
        Found::Nothing { zone } => soa(zone, 0),
        Found::NoName { zone } => soa(zone, 3),
        Found::NotHere => (5, Vec::new(), None),
    };
    let count = |length: usize| u16::try_from(length).unwrap_or(0).to_be_bytes();
    let mut bytes = query.get(..2)?.to_vec();
    // An answer with authority; recursion is desired as asked and not available.
    let authoritative = if code == 5 { 0 } else { 0x04 };
    bytes.push(0x80 | authoritative | question.recursion);
    bytes.push(code);
    bytes.extend(count(1));
    bytes.extend(count(records.len()));
    bytes.extend(count(authority.iter().len()));
    bytes.extend(count(usize::from(question.extended)));
    bytes.extend(&question.bytes);
    records.iter().chain(&authority).for_each(|record| bytes.extend(record));
    if question.extended {
        // OPT: the root, kind 41, our UDP size, no flags, no data.
        bytes.extend([0, 0, 41, 0x05, 0xdc, 0, 0, 0, 0, 0, 0]);
    }
    Some(bytes)
}

struct Question {
    name: String,
    kind: u16,
    class: u16,
    /// As it came.
    bytes: Vec<u8>,
    recursion: u8,
    extended: bool,
}

impl Question {
    fn of(query: &[u8]) -> Option<Self> {
        let header = query.get(..12)?;
        let [_, _, flags, _, 0, 1, .., extra] = *header else { return None };
        // A response, or another kind of question.
        if flags & 0xf8 != 0 {
            return None;
        }
        let mut at = 12;
        let mut name = String::new();
        loop {
            let length = usize::from(*query.get(at)?);
            if length == 0 {
                break;
            }
            let label = query.get(at + 1..at + 1 + length).filter(|_| length < 64)?;
            name.push_str(&String::from_utf8_lossy(label));
            name.push('.');
            at += 1 + length;
        }
        let end = at + 5;
        let number = |at: usize| Some(u16::from_be_bytes(query.get(at..at + 2)?.try_into().ok()?));
        Some(Self {
            name,
            kind: number(at + 1)?,
            class: number(at + 3)?,
            bytes: query.get(12..end)?.to_vec(),
            recursion: flags & 1,
            extended: extra > 0,
        })
    }
}

const CLASS_IN: u16 = 1;
const KINDS: [(u16, &str); 6] =
    [(1, "A"), (2, "NS"), (5, "CNAME"), (6, "SOA"), (16, "TXT"), (28, "AAAA")];

fn kind_name(kind: u16) -> Option<&'static str> {
    KINDS.iter().find(|(number, _)| *number == kind).map(|(_, name)| *name)
}

fn encode((owner, kind, ttl, value): &(String, String, u32, String)) -> Option<Vec<u8>> {
    let number = KINDS.iter().find(|(_, name)| name == kind)?.0;
    let data = match kind.as_str() {
        "A" => value.parse::<Ipv4Addr>().ok()?.octets().to_vec(),
        "AAAA" => value.parse::<Ipv6Addr>().ok()?.octets().to_vec(),
        "NS" | "CNAME" => labels(value),
        "TXT" => strings(value),
        "SOA" => {
            let words: Vec<_> = value.split_whitespace().collect();
            let (servers, numbers) = words.split_at_checked(2)?;
            let mut data: Vec<_> = servers.iter().flat_map(|name| labels(name)).collect();
            for number in numbers {
                data.extend(number.parse::<u32>().ok()?.to_be_bytes());
            }
            data
        }
        _ => return None,
    };
    let mut bytes = labels(owner);
    bytes.extend(number.to_be_bytes());
    bytes.extend(CLASS_IN.to_be_bytes());
    bytes.extend(ttl.to_be_bytes());
    bytes.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
    bytes.extend(data);
    Some(bytes)
}

/// What tells for how long nothing may be remembered.
fn soa(zone: &str) -> Option<Vec<u8>> {
    let value = "ns-1.awsdns-00.com. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 60";
    encode(&(zone.to_owned(), "SOA".to_owned(), 900, value.to_owned()))
}

fn labels(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.trim_end_matches('.').split('.').filter(|label| !label.is_empty()) {
        let label = label.get(..63).unwrap_or(label);
        bytes.push(u8::try_from(label.len()).unwrap_or(0));
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    bytes
}

fn strings(value: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in value.trim_matches('"').split("\" \"") {
        let part = part.get(..255).unwrap_or(part);
        bytes.push(u8::try_from(part.len()).unwrap_or(0));
        bytes.extend(part.bytes());
    }
    bytes
}

impl World {
    /// What a name server answers to a client at that address; the name has its final dot.
    pub fn resolve(&mut self, name: &str, kind: &str, peer: IpAddr) -> Found {
        let balancers = self.balancer_addresses();
        let client = self.names.clients.get(&peer).unwrap_or(&self.names.client).clone();
        let (names, chance) = (&self.names, &mut self.chance);
        Resolution { names, balancers: &balancers, client: &client, chance }.find(name, kind)
    }
}
