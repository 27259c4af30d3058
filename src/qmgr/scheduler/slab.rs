//! Values with small stable numbers; a number is given out again after its value is gone.

/// A vector with holes.
#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    pub(super) fn insert(&mut self, value: T) -> u32 {
        if let Some(key) = self.free.pop()
            && let Some(place) = self.places.get_mut(key as usize)
        {
            *place = Some(value);
            return key;
        }
        self.places.push(Some(value));
        u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
    }

    pub(super) fn get(&self, key: u32) -> Option<&T> {
        self.places.get(key as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, key: u32) -> Option<&mut T> {
        self.places.get_mut(key as usize)?.as_mut()
    }

    pub(super) fn remove(&mut self, key: u32) -> Option<T> {
        let value = self.places.get_mut(key as usize)?.take();
        if value.is_some() {
            self.free.push(key);
        }
        value
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.from(0)
    }

    /// Those from that number on.
    pub(super) fn from(&self, start: usize) -> impl Iterator<Item = (u32, &T)> {
        self.places
            .iter()
            .enumerate()
            .skip(start)
            .filter_map(|(key, place)| Some((u32::try_from(key).ok()?, place.as_ref()?)))
    }

    pub(super) fn keys(&self) -> Vec<u32> {
        self.iter().map(|(key, _)| key).collect()
    }
}
