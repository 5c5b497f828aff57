'use strict'

// Chunks of a stream, read until it ends, or until the call does, even if the stream stands still.

const { inputError, piecesOf, wholeOf } = require('./input.js')
const { turns } = require('./turns.js')

/** Whether it is a Readable, a ReadableStream or anything else that gives chunks one after the other. */
function isStream(input) {
  return typeof input?.[Symbol.asyncIterator] === 'function'
}

/**
 * Calls `take` with the bytes of each chunk, piece by piece, and waits where it gives a promise. Resolves once the stream has
 * ended. A stream that is not read to its end is left.
 */
async function readChunks(stream, encoding, waits, take) {
  const turn = turns(waits)
  let iterator
  let ended = false
  try {
    iterator = iteratorOf(stream)
    for (;;) {
      const { done, value } = await waits.for(iterator.next())
      if (done) {
        ended = true
        return
      }
      const chunk = wholeOf(value, encoding)
      if (chunk === undefined) {
        throw inputError(value, 'a stream of Buffers or strings')
      }
      for (const piece of piecesOf(chunk, chunk.length)) {
        const room = take(piece) ?? turn()
        if (room !== undefined) {
          await waits.for(room)
        }
      }
      await turn()
    }
  } finally {
    if (!ended) {
      leave(stream, iterator)
    }
  }
}

/** As the stream's own iterator; but that of a web stream cannot be left while it waits for a chunk. */
function iteratorOf(stream) {
  if (typeof stream.getReader !== 'function') {
    return stream[Symbol.asyncIterator]()
  }
  const reader = stream.getReader()
  return { next: () => reader.read(), return: () => reader.cancel() }
}

/** Leaves a stream that is not at its end. One that stands still does not answer, so nobody waits for it. */
function leave(stream, iterator) {
  if (typeof stream.destroy === 'function') {
    // An error that nobody listens to would end the process.
    stream.on?.('error', () => {})
    stream.destroy()
  }
  if (iterator !== undefined) {
    quietly(() => iterator.return?.())
  } else {
    quietly(() => (stream.cancel ?? stream.return)?.call(stream))
  }
}

async function quietly(call) {
  try {
    await call()
  } catch {
    // The call has an error already, which says more.
  }
}

module.exports = { isStream, leave, readChunks }
