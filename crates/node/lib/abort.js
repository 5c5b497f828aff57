'use strict'

// The end of a call by its signal.

/** What is to be called when a signal aborts. It has one listener for all of them: Node.js warns of more than ten. */
const waiting = new WeakMap()

/** Calls `back` once the signal aborts, or at once if it has. Returns what makes it forget that. */
function onAbort(signal, back) {
  if (signal.aborted) {
    back()
    return () => {}
  }
  let entry = waiting.get(signal)
  if (entry === undefined) {
    const backs = new Set()
    entry = { backs, listener: () => [...backs].forEach(each => each()) }
    waiting.set(signal, entry)
    signal.addEventListener('abort', entry.listener, { once: true })
  }
  entry.backs.add(back)
  return () => {
    entry.backs.delete(back)
    if (entry.backs.size === 0 && waiting.get(signal) === entry) {
      signal.removeEventListener('abort', entry.listener)
      waiting.delete(signal)
    }
  }
}

const ENDED = new Error('the call has ended')

/**
 * What a call waits for. Once the call is interrupted, all waits that go on are rejected, and all later ones. (Races with a
 * promise that lasts as long as the call would be remembered as long, each of them.)
 */
class Waits {
  #interruption
  #pending = new Set()

  interrupt(reason) {
    this.#interruption ??= { reason }
    this.#pending.forEach(reject => reject(this.#interruption.reason))
  }

  for(promise) {
    return new Promise((resolve, reject) => {
      this.#pending.add(reject)
      const settled = () => this.#pending.delete(reject)
      Promise.resolve(promise).then(resolve, reject).then(settled)
      if (this.#interruption !== undefined) {
        reject(this.#interruption.reason)
      }
    })
  }
}

/** The result of `call`, which is given its waits: they are interrupted once the signal aborts, and at its end. */
async function untilAborted(signal, call) {
  signal?.throwIfAborted()
  const waits = new Waits()
  const forget = signal === undefined ? () => {} : onAbort(signal, () => waits.interrupt(signal.reason))
  try {
    return await call(waits)
  } finally {
    forget()
    waits.interrupt(ENDED)
  }
}

module.exports = { untilAborted }
