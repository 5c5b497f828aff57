'use strict'

// The native module, as `binding.js` wants it.

const { abortable } = require('./abort.js')
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

  function later(signal, start) {
    signal?.throwIfAborted()
    const stop = new module.Stop()
    return abortable(start(stop), signal, () => stop.stop())
  }

  return {
    name: 'native',

    scan: (operation, options, bytes) =>
      written(allocate => module.scanBytes(operation, options, bytes, allocate)),

    scanText(operation, options, text) {
      if (text.length <= PIECE) {
        return this.scan(operation, options, Buffer.from(text))
      }
      const pieces = piecesOf(text)
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

    scanLater: async (operation, options, bytes, signal) =>
      later(signal, stop => module.scanLater(operation, options, bytes, stop)),

    combineLater: async (operation, options, a, b, signal) =>
      later(signal, stop => module.combineLater(operation, options, a, b, stop)),

    async scanStream(operation, options, stream, signal) {
      signal?.throwIfAborted()
      const feed = new module.Feed()
      const reply = feed.scan(operation, options)
      try {
        if (await readChunks(stream, signal, reply, bytes => feed.push(bytes))) {
          feed.end()
        }
        return await abortable(reply, signal, () => feed.stop())
      } finally {
        feed.stop()
      }
    },
  }
}

module.exports = { bindingOf }
