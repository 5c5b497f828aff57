//! Structured input out of plain bytes. What is missing at the end is zeros, so every input means something.

/// Takes bytes from the front, and makes something of them.
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn byte(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((&byte, rest)) => {
                self.rest = rest;
                byte
            }
            None => 0,
        }
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub(crate) fn number(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    pub(crate) fn choose<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::from(self.byte()) % all.len()]
    }

    /// Mostly small sizes, and some around those of tiles.
    pub(crate) fn chunk_bytes(&mut self) -> usize {
        match self.byte() {
            byte @ 0..=127 => usize::from(byte) + 1,
            byte @ 128..=191 => 4096 + usize::from(byte) - 160,
            byte => 3072 + usize::from(byte) - 224,
        }
    }

    /// All that is left, as truth values, less up to seven at the end.
    pub(crate) fn bits(&mut self) -> Vec<bool> {
        let less = usize::from(self.byte() % 8);
        let mut bits = unpacked(self.rest);
        self.rest = &[];
        bits.truncate(bits.len().saturating_sub(less));
        bits
    }

    /// A few truth values, perhaps repeated until there are many.
    pub(crate) fn few_bits(&mut self) -> Vec<bool> {
        let len = usize::from(self.byte() % 16).min(self.rest.len());
        let (bytes, rest) = self.rest.split_at(len);
        self.rest = rest;
        let repeats = self.byte();
        let mut bits = unpacked(bytes).repeat(usize::from(repeats / 8 % 8) + 1);
        bits.truncate(bits.len().saturating_sub(usize::from(repeats % 8)));
        bits
    }
}

fn unpacked(bytes: &[u8]) -> Vec<bool> {
    bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1)).collect()
}
