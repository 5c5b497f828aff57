'use strict'

// The native module, as `binding.js` wants it.

const { PIECE, piecesOf } = require('./input.js')
const { readChunks } = require('./stream.js')

const NOTHING = Buffer.alloc(0)

/** Wraps the exports of a native module. */
function bindingOf(module) {
  /** The reply of a call that has its numbers written to memory from here. */
  function written(call) {
    let words = new BigUint64Array(0)
    const reply = call(count => (words = new BigUint64Array(count)))
    return reply.failure == null ? { facts: reply.facts, words } : reply
  }

  /** The reply of work of the thread pool, which does not begin any more once nobody waits for it. */
  async function later(waits, start) {
    const stop = new module.Stop()
    try {
      return await waits.for(start(stop))
    } finally {
      stop.stop()
    }
  }

  return {
    name: 'native',
    version: module.version?.(),

    scan: (operation, options, bytes) =>
      written(allocate => module.scanBytes(operation, options, bytes, allocate)),

    scanText(operation, options, text) {
      if (text.length <= PIECE) {
        return this.scan(operation, options, Buffer.from(text))
      }
      const pieces = piecesOf(text, text.length)
      const pull = () => pieces.next().value ?? NOTHING
      return written(allocate => module.scanPulled(operation, options, pull, allocate))
    },

    indexesOf(words, count) {
      let indexes
      module.writeIndexes(words, count, length => (indexes = new Uint32Array(length)))
      return indexes
    },

    combine: (operation, options, a, b) =>
      written(allocate => module.combineLists(operation, options, a, b, allocate)),

    scanLater: (operation, options, bytes, waits) =>
      later(waits, stop => module.scanLater(operation, options, bytes, stop)),

    combineLater: (operation, options, a, b, waits) =>
      later(waits, stop => module.combineLater(operation, options, a, b, stop)),

    async scanStream(operation, options, stream, encoding, waits) {
      const feed = new module.Feed()
      try {
        const reply = feed.scan(operation, options)
        const reading = readChunks(stream, encoding, waits, bytes => feed.push(bytes))
        // An error in the bitmap is known before the stream ends.
        await Promise.race([reading.then(() => feed.end()), reply])
        return await waits.for(reply)
      } finally {
        feed.stop()
      }
    },
  }
}

module.exports = { bindingOf }
