//! Requests under way at the owner.

use super::Ticket;
use crate::digest::Algorithm;
use crate::sftp::handle::HandleId;

/// What was handed out and is not answered.
#[derive(Debug, Default)]
pub(super) struct Flights {
    places: Vec<Place>,
    free: Vec<u32>,
    serial: u32,
}

#[derive(Debug)]
struct Place {
    /// Of the flight that is or was here last.
    serial: u32,
    flight: Option<Flight>,
}

/// One request under way.
#[derive(Debug)]
pub(super) struct Flight {
    /// The client's number for it.
    pub(super) id: u32,
    pub(super) origin: Origin,
    pub(super) expected: Expected,
}

/// Where a request came from, and what may go on when it is done.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    Lane(HandleId),
    Barrier,
}

/// What answer makes sense, and what is to be given back when it comes.
#[derive(Debug)]
pub(super) enum Expected {
    Done,
    Opened(HandleId),
    /// So many bytes at the most.
    Data(usize),
    /// So many bytes of buffer are held.
    Written(usize),
    Closed(HandleId),
    /// So many bytes of reply were set aside.
    Names(usize),
    Attributes,
    Link,
    FileSystem,
    Digest {
        algorithm: Algorithm,
        is_named: bool,
    },
    AccountNames {
        users: usize,
        groups: usize,
    },
}

impl Flights {
    pub(super) fn begin(&mut self, flight: Flight) -> Ticket {
        self.serial = self.serial.wrapping_add(1);
        let serial = self.serial;
        if let Some(slot) = self.free.pop()
            && let Some(place) = self.places.get_mut(slot as usize)
        {
            *place = Place { serial, flight: Some(flight) };
            return Ticket { slot, serial };
        }
        self.places.push(Place { serial, flight: Some(flight) });
        Ticket { slot: self.places.len() as u32 - 1, serial }
    }

    /// Takes what a ticket names; `None` if it was answered before.
    pub(super) fn end(&mut self, ticket: Ticket) -> Option<Flight> {
        let place = self.places.get_mut(ticket.slot as usize)?;
        if place.serial != ticket.serial {
            return None;
        }
        let flight = place.flight.take()?;
        self.free.push(ticket.slot);
        Some(flight)
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }
}
