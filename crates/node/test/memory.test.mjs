// Memory after very many calls. Needs `node --expose-gc`.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'

import { binding, blocks, extents, extentsAsync, merge } from '../index.js'
import { random, randomBlocks, toBase64 } from './naive.mjs'

const answer = toBase64(randomBlocks(random(8), 4000, 20, 5))
const bytes = Buffer.from(answer)
const list = extents(answer)

/** What is in memory once nothing is left to free, or no more than `enough`. Another thread frees, so it takes some time. */
async function residentMebibytes(enough = 0) {
  let least = Infinity
  for (let i = 0; i < 20 && least > enough; i++) {
    gc()
    await setTimeout(25)
    least = Math.min(least, process.memoryUsage.rss() / 2 ** 20)
  }
  return least
}

/** How much more is in memory after twice as many calls: what a program keeps for the next call is there after the first. */
async function growth(calls, call) {
  const run = async count => {
    for (let i = 0; i < count; i++) {
      await call(i)
    }
  }
  await run(calls)
  const before = await residentMebibytes()
  await run(calls)
  return (await residentMebibytes(before)) - before
}

// Each call has some kilobytes of results: if one in a hundred were kept, it would be more.
const MOST = 16

test('100,000 calls without a turn of the event loop', { skip: !globalThis.gc && 'needs --expose-gc' }, async () => {
  const once = () => {
    for (let i = 0; i < 250; i++) {
      extents(i % 2 ? answer : bytes)
      blocks(bytes)
      merge(list, 65_536)
      assert.throws(() => extents('YAA'))
    }
  }
  // 250 turns with four calls each.
  const grown = await growth(100, once)
  assert(grown < MOST, `${grown} MiB`)
})

test('50,000 calls of the thread pool', { skip: !globalThis.gc && 'needs --expose-gc' }, async () => {
  const [batches, batch] = binding === 'native' ? [500, 100] : [5, 4]
  const once = () => Promise.all(Array.from({ length: batch }, (_, i) => extentsAsync(i % 2 ? answer : bytes)))
  const grown = await growth(batches, once)
  assert(grown < MOST, `${grown} MiB`)
})

test('streams that are left before their end', { skip: !globalThis.gc && 'needs --expose-gc' }, async () => {
  async function* cut() {
    yield bytes
    throw new Error('cut')
  }
  const grown = await growth(binding === 'native' ? 1000 : 10, () => extentsAsync(cut()).catch(() => {}))
  assert(grown < MOST, `${grown} MiB`)
})
