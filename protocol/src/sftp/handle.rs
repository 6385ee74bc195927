//! The names of open files, and the table behind them.

/// Names an open file or directory of one session.
///
/// Index and generation: a place in the table is used again, its generation never, so a handle
/// that was closed or made up never means another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HandleId {
    index: u32,
    generation: u32,
}

impl HandleId {
    /// Reads what a client sent back; `None` if it can not be one of ours.
    pub(super) fn from_wire(bytes: &[u8]) -> Option<Self> {
        let (index, generation) = bytes.split_first_chunk::<4>()?;
        let generation = generation.try_into().ok()?;
        Some(Self { index: u32::from_be_bytes(*index), generation: u32::from_be_bytes(generation) })
    }

    pub(super) fn to_wire(self) -> [u8; HANDLE_BYTES] {
        let mut bytes = [0; HANDLE_BYTES];
        let fields = self.index.to_be_bytes().into_iter().chain(self.generation.to_be_bytes());
        for (byte, field) in bytes.iter_mut().zip(fields) {
            *byte = field;
        }
        bytes
    }
}

/// What is kept under handles.
#[derive(Debug)]
pub(super) struct HandleTable<T> {
    places: Vec<Place<T>>,
    /// Places without a value that may be used again.
    free: Vec<u32>,
    count: usize,
}

#[derive(Debug)]
struct Place<T> {
    /// Of the value that is or was here last.
    generation: u32,
    value: Option<T>,
}

impl<T> HandleTable<T> {
    pub(super) fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new(), count: 0 }
    }

    /// Keeps a value under a handle that was never given out before.
    pub(super) fn insert(&mut self, value: T) -> HandleId {
        self.count += 1;
        if let Some(index) = self.free.pop()
            && let Some(place) = self.places.get_mut(index as usize)
        {
            place.generation += 1;
            place.value = Some(value);
            return HandleId { index, generation: place.generation };
        }
        let index = self.places.len() as u32;
        self.places.push(Place { generation: 0, value: Some(value) });
        HandleId { index, generation: 0 }
    }

    pub(super) fn get(&self, handle: HandleId) -> Option<&T> {
        let place = self.places.get(handle.index as usize)?;
        place.value.as_ref().filter(|_| place.generation == handle.generation)
    }

    pub(super) fn get_mut(&mut self, handle: HandleId) -> Option<&mut T> {
        let place = self.places.get_mut(handle.index as usize)?;
        place.value.as_mut().filter(|_| place.generation == handle.generation)
    }

    pub(super) fn remove(&mut self, handle: HandleId) {
        let Some(place) = self.places.get_mut(handle.index as usize) else { return };
        if place.generation != handle.generation || place.value.take().is_none() {
            return;
        }
        self.count -= 1;
        // A place whose generations are used up is never used again.
        if place.generation < u32::MAX {
            self.free.push(handle.index);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (HandleId, &T)> {
        self.places.iter().zip(0..).filter_map(|(place, index)| {
            let handle = HandleId { index, generation: place.generation };
            place.value.as_ref().map(|value| (handle, value))
        })
    }
}

/// Bytes of a handle on the wire; the draft allows up to 256.
pub(super) const HANDLE_BYTES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_never_means_another_value() {
        let mut table = HandleTable::new();
        let first = table.insert('a');
        let second = table.insert('b');
        table.remove(first);
        table.remove(first);
        let third = table.insert('c');
        assert_eq!(third.index, first.index);
        assert_eq!(table.get(first), None);
        assert_eq!(table.get_mut(first), None);
        table.remove(first);
        assert_eq!((table.get(second), table.get(third), table.len()), (Some(&'b'), Some(&'c'), 2));
        let handles: Vec<_> = table.iter().map(|(handle, value)| (handle, *value)).collect();
        assert_eq!(handles, [(third, 'c'), (second, 'b')]);
    }

    #[test]
    fn used_up_places_are_left_alone() {
        let mut table = HandleTable::new();
        let first = table.insert(1);
        table.places[0].generation = u32::MAX;
        let last = HandleId { generation: u32::MAX, ..first };
        assert_eq!(table.get(last), Some(&1));
        table.remove(last);
        assert_eq!(table.insert(2).index, 1);
    }

    #[test]
    fn the_wire_form_is_read_back() {
        let handle = HandleId { index: 0x0102_0304, generation: u32::MAX };
        assert_eq!(HandleId::from_wire(&handle.to_wire()), Some(handle));
        assert_eq!(handle.to_wire(), [1, 2, 3, 4, 255, 255, 255, 255]);
        assert_eq!(HandleId::from_wire(b""), None);
        assert_eq!(HandleId::from_wire(&[0; 7]), None);
        assert_eq!(HandleId::from_wire(&[0; 9]), None);
    }
}
