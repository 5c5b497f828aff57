'use strict'

// Chunks of a stream, read until it ends, until they are not wanted any more, or until a signal says so, even if the stream
// stands still.

const { bytesOf, inputError } = require('./input.js')

/** Whether it is a Readable, a ReadableStream or anything else that gives chunks one after the other. */
function isStream(input) {
  return typeof input?.[Symbol.asyncIterator] === 'function'
}

/**
 * Calls `take` with the bytes of each chunk, and waits where it returns a promise. Stops early once `settled` is.
 * Resolves to whether the stream was read to its end.
 */
async function readChunks(stream, signal, settled, take) {
  signal?.throwIfAborted()
  const interruption = interruptionBy(signal, settled)
  const iterator = stream[Symbol.asyncIterator]()
  let ended = false
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), interruption.promise])
      if (next === undefined) {
        return false
      }
      if (next.done) {
        ended = true
        return true
      }
      const bytes = typeof next.value === 'string' ? Buffer.from(next.value) : bytesOf(next.value)
      if (bytes === undefined) {
        throw inputError(next.value, 'a stream of Buffers or strings')
      }
      await Promise.race([take(bytes), interruption.promise])
    }
  } finally {
    interruption.release()
    if (!ended) {
      leave(stream, iterator)
    }
  }
}

/** A promise that is rejected once the signal aborts, and resolves to nothing once `settled` is. */
function interruptionBy(signal, settled) {
  let onAbort
  const promise = new Promise((resolve, reject) => {
    settled?.then(() => resolve(), () => resolve())
    onAbort = () => reject(signal.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
  promise.catch(() => {})
  return { promise, release: () => signal?.removeEventListener('abort', onAbort) }
}

/** Leaves a stream before its end. One that stands still does not answer, so nobody waits for it. */
function leave(stream, iterator) {
  if (typeof stream.destroy === 'function') {
    stream.destroy()
  }
  Promise.resolve(iterator.return?.()).catch(() => {})
}

module.exports = { isStream, readChunks }
