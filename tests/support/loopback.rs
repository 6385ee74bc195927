//! Loopback addresses and port blocks that belong to one server at a time.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

/// An address of 127.0.0.0/8 and a block of ports for passive data connections, held against every
/// other test on this machine, in this process or another, while it lives.
#[derive(Debug)]
pub struct Lease {
    address: Ipv4Addr,
    ports: (u16, u16),
    _claim: Option<UdpSocket>,
}

impl Lease {
    /// Takes a free one.
    pub fn take() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let start = std::process::id().wrapping_mul(SPREAD);
        for _ in 0..ATTEMPTS {
            let number = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % ADDRESSES;
            let [_, high, middle, low] = (number + FIRST).to_be_bytes();
            let address = Ipv4Addr::new(127, high, middle, low);
            let Ok(claim) = UdpSocket::bind((address, CLAIM_PORT)) else { continue };
            let block = FIRST_PORT + (number % BLOCKS) as u16 * BLOCK_PORTS;
            return Self { address, ports: (block, block + BLOCK_PORTS - 1), _claim: Some(claim) };
        }
        panic!("no free loopback address after {ATTEMPTS} attempts");
    }

    /// An address and ports that nobody else can have, since the network is the test's own.
    pub fn of(address: Ipv4Addr, ports: (u16, u16)) -> Self {
        Self { address, ports, _claim: None }
    }

    /// The address.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The first and the last port of the block.
    pub fn ports(&self) -> (u16, u16) {
        self.ports
    }
}

/// 127.1.0.1: clear of 127.0.0.0/16, where clients are, and of the addresses that tests pick by
/// hand (127.200.0.0 and above).
const FIRST: u32 = 0x0001_0001;
/// 127.1.0.1 to 127.180.255.255 or so.
const ADDRESSES: u32 = 180 << 16;
/// Sends processes with neighbouring numbers far apart (a prime near ADDRESSES divided by the
/// golden ratio).
const SPREAD: u32 = 7_290_713;
/// Held as UDP, so that it is in no server's way.
const CLAIM_PORT: u16 = 19_999;
/// Below the ports that Linux gives to outgoing connections (32768).
const FIRST_PORT: u16 = 20_000;
/// Enough for one test's transfers.
const BLOCK_PORTS: u16 = 40;
/// As many blocks as fit below 32768.
const BLOCKS: u32 = 300;
/// Enough that a machine full of tests still finds one.
const ATTEMPTS: u32 = 10_000;
