// The event loop, while the largest disk with a tenth of it changed is dealt with.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { performance, PerformanceObserver } from 'node:perf_hooks'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'

import { binding, blocksAsync, extentsAsync } from '../index.js'
import { largestDisk } from './naive.mjs'

// There, large results of other threads are freed on this one.
const skip = binding === 'wasm' && 'only the native module is held to it'

const { text, virtualSize } = largestDisk(10)
const bytes = Buffer.from(text)

const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
shared.set(bytes)

function* chunks(length) {
  for (let at = 0; at < bytes.length; at += length) {
    yield bytes.subarray(at, at + length)
  }
}

/** Chunks that are there at once: nothing but the call gives the event loop a turn. */
async function* ready(length) {
  yield* chunks(length)
}

/** For how many milliseconds this thread has run, and has waited for a processor, where the system counts that. */
function counted() {
  try {
    const [run, waited] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ')
    return { run: Number(run) / 1e6, waited: Number(waited) / 1e6 }
  } catch {
    return { run: performance.now(), waited: 0 }
  }
}

/** The time now, less that for which this thread had no processor; and for how long it ran, in steps of some milliseconds. */
function clocks() {
  for (;;) {
    const { waited } = counted()
    const now = performance.now()
    const after = counted()
    // It may have been taken away just here.
    if (after.waited === waited) {
      return { now, own: now - waited, run: after.run }
    }
  }
}

/** When garbage was collected: all of the program waits for that, whatever it does, on two processors for up to 8 ms. */
const collections = []
const observer = new PerformanceObserver(list => collections.push(...list.getEntries()))
observer.observe({ entryTypes: ['gc'] })

/** How long garbage was collected between two times. */
function collected(start, end) {
  collections.push(...observer.takeRecords())
  const shared = ({ startTime, duration }) => Math.min(end, startTime + duration) - Math.max(start, startTime)
  return collections.reduce((sum, entry) => sum + Math.max(0, shared(entry)), 0)
}

/**
 * The longest time in milliseconds from one turn of the event loop to the next while a call went on, less that for which
 * garbage was collected.
 */
async function longestHold(call) {
  // Garbage of the one before is not this one's.
  globalThis.gc?.()
  await setTimeout(20)
  collections.length = 0
  const long = []
  let longest = 0
  let last = clocks()
  const turn = () => {
    const now = clocks()
    // Each counts something that is not this program's: one, locks that others hold; the other, parts of turns before.
    const hold = Math.min(now.own - last.own, now.run - last.run)
    if (hold > 5) {
      long.push({ hold, start: last.now, end: now.now })
    } else {
      longest = Math.max(longest, hold)
    }
    last = now
    next = setImmediate(turn)
  }
  let next = setImmediate(turn)
  const result = await call()
  await setTimeout(5)
  clearImmediate(next)
  assert(result.length > 1_000_000)
  // Collections are told later than they were.
  await setTimeout(20)
  return Math.max(longest, ...long.map(({ hold, start, end }) => hold - collected(start, end)))
}

for (const [name, call] of [
  ['extents of a Buffer', () => extentsAsync(bytes, { virtualSize })],
  ['extents of a string', () => extentsAsync(text, { virtualSize })],
  ['extents of shared memory', () => extentsAsync(shared, { virtualSize })],
  ['extents of a stream', () => extentsAsync(Readable.from(chunks(65_536)), { virtualSize })],
  ['extents of a stream of one Buffer', () => extentsAsync(Readable.from([bytes]), { virtualSize })],
  ['extents of a stream of one string', () => extentsAsync(Readable.from([text]), { virtualSize })],
  ['extents of chunks that are all there', () => extentsAsync(ready(16_384), { virtualSize })],
  ['reads', () => extentsAsync(bytes, { virtualSize, align: 1 << 16, bigint: true })],
  ['blocks of a Buffer', () => blocksAsync(bytes, { virtualSize, at: 2 << 20 })],
  ['blocks of a string', () => blocksAsync(text, { virtualSize, at: 2 << 20 })],
]) {
  test(`${name}: never holds the event loop for longer than 5 ms`, { skip }, async () => {
    // A machine that is busy with other things disturbs this program, too: one of some attempts has to be undisturbed.
    const holds = []
    do {
      holds.push(await longestHold(call))
    } while (holds.at(-1) > 5 && holds.length < 10)
    assert(holds.at(-1) <= 5, `${holds.map(hold => hold.toFixed(1)).join(', ')} ms`)
  })
}

test('a timer can abort a call whose chunks are all there', { skip }, async () => {
  const controller = new AbortController()
  globalThis.setTimeout(() => controller.abort(), 5)
  async function* endless() {
    for (;;) {
      yield ''
    }
  }
  await assert.rejects(extentsAsync(endless(), { signal: controller.signal }), { name: 'AbortError' })
})
