// The event loop, while the largest disk with a tenth of it changed is dealt with.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'

import { binding, blocksAsync, extentsAsync } from '../index.js'
import { largestDisk } from './naive.mjs'

// There, large results of other threads are freed on this one.
const skip = binding === 'wasm' && 'only the native module is held to it'

const { text, virtualSize } = largestDisk(10)
const bytes = Buffer.from(text)

function* chunks() {
  for (let at = 0; at < bytes.length; at += 65_536) {
    yield bytes.subarray(at, at + 65_536)
  }
}

/** For how many milliseconds this thread has waited for a processor up to now, where the system says so. */
function waitedForProcessor() {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ')[1]) / 1e6
  } catch {
    return 0
  }
}

/** The time in milliseconds, less that for which this thread had no processor. */
function clock() {
  for (;;) {
    const waited = waitedForProcessor()
    const now = performance.now()
    // It may have been taken away just here.
    if (waitedForProcessor() === waited) {
      return now - waited
    }
  }
}

/** The longest time in milliseconds from one turn of the event loop to the next while a call went on. */
async function longestHold(call) {
  // Garbage of the one before is not this one's.
  globalThis.gc?.()
  await setTimeout(20)
  let longest = 0
  let last = clock()
  const turn = () => {
    const now = clock()
    longest = Math.max(longest, now - last)
    last = now
    next = setImmediate(turn)
  }
  let next = setImmediate(turn)
  const result = await call()
  await setTimeout(5)
  clearImmediate(next)
  assert(result.length > 1_000_000)
  return longest
}

for (const [name, call] of [
  ['extents of a Buffer', () => extentsAsync(bytes, { virtualSize })],
  ['extents of a string', () => extentsAsync(text, { virtualSize })],
  ['extents of a stream', () => extentsAsync(Readable.from(chunks()), { virtualSize })],
  ['reads', () => extentsAsync(bytes, { virtualSize, align: 1 << 16, bigint: true })],
  ['blocks of a Buffer', () => blocksAsync(bytes, { virtualSize, at: 2 << 20 })],
  ['blocks of a string', () => blocksAsync(text, { virtualSize, at: 2 << 20 })],
]) {
  test(`${name} never hold the event loop for longer than 5 ms`, { skip }, async () => {
    // The time that other programs take is not counted, as far as the system tells: one of some attempts has to be undisturbed.
    const holds = []
    do {
      holds.push(await longestHold(call))
    } while (holds.at(-1) > 5 && holds.length < 10)
    assert(holds.at(-1) <= 5, `${holds.map(hold => hold.toFixed(1)).join(', ')} ms`)
  })
}
