// Bitmaps, and what changed by them, in the plainest way: an oracle that uses nothing of the package.

/** A source of numbers that is the same in every run. */
export function random(seed) {
  let state = BigInt(seed)
  return limit => {
    state = (state * 6364136223846793005n + 1442695040888963407n) % 2n ** 64n
    return Number((state >> 33n) % BigInt(limit))
  }
}

/** A bitmap of so many blocks as an array of booleans: runs of changed blocks, one every `every` blocks or so. */
export function randomBlocks(next, blocks, every, longest) {
  const changed = new Array(blocks).fill(false)
  for (let at = next(every); at < blocks; at += 1 + next(2 * every)) {
    changed.fill(true, at, at + 1 + next(longest))
  }
  return changed.slice(0, blocks)
}

/** The call's answer: the first block is the most significant bit. */
export function toBase64(changed, padTo = 1) {
  const bytes = Buffer.alloc(Math.ceil(Math.ceil(changed.length / 8) / padTo) * padTo)
  changed.forEach((bit, block) => {
    if (bit) {
      bytes[block >> 3] |= 0x80 >> (block & 7)
    }
  })
  return bytes.toString('base64')
}

/** Offset and length of each run, cut at the end of the disk. */
export function toRanges(changed, blockSize, virtualSize = changed.length * blockSize) {
  const numbers = []
  for (let start = 0; start < changed.length; start++) {
    if (changed[start]) {
      let end = start
      while (changed[end]) {
        end++
      }
      numbers.push(start * blockSize, Math.min(end * blockSize, virtualSize) - start * blockSize)
      start = end
    }
  }
  return numbers
}

/** The numbers of blocks that are `ratio` times as large, of which any small one changed. */
export function larger(changed, ratio) {
  const numbers = new Set(changed.flatMap((bit, block) => (bit ? [Math.floor(block / ratio)] : [])))
  return [...numbers]
}

/** The bitmap of the largest disk of XCP-ng (16,381 GiB) as base64, with a share of blocks changed in runs of four. */
export function largestDisk(percent) {
  const bytes = Buffer.alloc(16_381 * 2048)
  const next = random(7)
  // A run of four is half a byte: one in so many.
  const step = Math.round(100 / percent)
  for (let half = next(step); half < 2 * bytes.length; half += 1 + next(2 * step - 1)) {
    bytes[half >> 1] |= half & 1 ? 0x0f : 0xf0
  }
  return { text: bytes.toString('base64'), virtualSize: 16_381 * 2 ** 30 }
}
