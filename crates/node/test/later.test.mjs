// Calls that nobody waits for: streams, signals, many at once.

import assert from 'node:assert/strict'
import { setMaxListeners } from 'node:events'
import { Readable, Transform } from 'node:stream'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'

import { binding, blocksAsync, extents, extentsAsync, mergeAsync } from '../index.js'
import { random, randomBlocks, toBase64 } from './naive.mjs'

const answer = toBase64(randomBlocks(random(6), 3_000_000, 50, 9))
const expected = extents(answer)

function* pieces(text, next) {
  for (let at = 0; at < text.length; ) {
    const length = 1 + next(150_000)
    yield text.slice(at, at + length)
    at += length
  }
}

test('a stream gives what its whole gives, however it is cut', async () => {
  for (let seed = 10; seed < 16; seed++) {
    const text = pieces(answer, random(seed))
    assert.deepEqual(await extentsAsync(Readable.from(text)), expected)
  }
  const buffers = Array.from(pieces(answer, random(16)), piece => Buffer.from(piece))
  assert.deepEqual(await extentsAsync(Readable.from(buffers)), expected)
  assert.deepEqual(await extentsAsync(ReadableStream.from?.(buffers) ?? Readable.toWeb(Readable.from(buffers))), expected)
  const throughTransform = Readable.from(buffers).pipe(new Transform({ transform: (chunk, _, done) => done(null, chunk) }))
  assert.deepEqual(await extentsAsync(throughTransform), expected)
})

test('many calls at once', async () => {
  const count = binding === 'native' ? 100 : 8
  const text = answer.slice(0, 40_000)
  const whole = extents(text)
  const calls = Array.from({ length: count }, (_, i) => extentsAsync(i % 2 ? text : Buffer.from(text)))
  const streams = Array.from({ length: count / 4 }, () => extentsAsync(Readable.from([text])))
  for (const list of await Promise.all([...calls, ...streams])) {
    assert.deepEqual(list, whole)
  }
})

test('more streams that wait than the pool has threads', async () => {
  async function* slow() {
    yield 'YAAA'
    await setTimeout(100)
    yield 'AA=='
  }
  const streams = Array.from({ length: 12 }, () => extentsAsync(slow()))
  // The pool is free meanwhile.
  assert.equal((await extentsAsync(Buffer.from('YAAAAA=='))).length, 2)
  for (const list of await Promise.all(streams)) {
    assert.deepEqual(list, new Float64Array([65_536, 131_072]))
  }
})

test('a stream that fails has no list', async () => {
  async function* failing() {
    yield 'YAAAAA=='
    throw new Error('the connection was lost')
  }
  await assert.rejects(extentsAsync(failing()), { message: 'the connection was lost' })
  const cut = new Readable({ read() {} })
  cut.push('YAAAAA==')
  setTimeout(10).then(() => cut.destroy())
  await assert.rejects(extentsAsync(cut), { code: 'ERR_STREAM_PREMATURE_CLOSE' })
})

test('a stream is left once its error is known', { skip: binding === 'wasm' && 'it is read whole there' }, async () => {
  let given = 0
  async function* endless() {
    for (;;) {
      given += 65_536
      yield 'A'.repeat(65_536)
    }
  }
  await assert.rejects(extentsAsync(endless(), { virtualSize: 2 ** 40 }), { code: 'too-long' })
  assert(given > 2 ** 21 && given < 2 ** 31, `${given}`)
})

test('a signal that was aborted before', async () => {
  const reason = new Error('not today')
  const signal = AbortSignal.abort(reason)
  const results = await Promise.allSettled([
    extentsAsync(answer, { signal }),
    extentsAsync(Buffer.from(answer), { signal }),
    blocksAsync(Readable.from([answer]), { signal }),
    mergeAsync(expected, 1, { signal }),
  ])
  assert.deepEqual(results.map(result => result.reason), [reason, reason, reason, reason])
})

test('a signal rejects at once, and the reason is its own', async () => {
  const count = binding === 'native' ? 50 : 4
  for (const input of [() => answer, () => Buffer.from(answer), () => Readable.from([answer])]) {
    const controller = new AbortController()
    setMaxListeners(count, controller.signal)
    const calls = Array.from({ length: count }, () => extentsAsync(input(), { signal: controller.signal }))
    controller.abort()
    for (const result of await Promise.allSettled(calls)) {
      assert.equal(result.status, 'rejected')
      assert.equal(result.reason.name, 'AbortError')
    }
  }
})

/** A signal that aborts in 20 ms, and keeps the program alive until then. */
function soon() {
  const controller = new AbortController()
  setTimeout(20).then(() => controller.abort())
  return controller.signal
}

test('a signal ends a stream that stands still', async () => {
  const stalled = new Readable({ read() {} })
  stalled.push('YAAA')
  await assert.rejects(extentsAsync(stalled, { signal: soon() }), { name: 'AbortError' })
  await setTimeout(10)
  assert(stalled.destroyed)

  let left = false
  const neverEnding = {
    [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}), return: async () => (left = true) }),
  }
  await assert.rejects(extentsAsync(neverEnding, { signal: soon() }), { name: 'AbortError' })
  assert(left)
})

test('a signal that aborts later, or never, changes nothing', async () => {
  const controller = new AbortController()
  assert.deepEqual(await extentsAsync(answer, { signal: controller.signal }), expected)
  controller.abort()
  const { signal } = new AbortController()
  assert.deepEqual(await extentsAsync(Buffer.from(answer), { signal }), expected)
  await assert.rejects(extentsAsync(answer, { signal: {} }), { code: 'invalid-argument' })
})

test('bytes that are shared or may be moved are copied first', async () => {
  const bytes = Buffer.from(answer)
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
  shared.set(bytes)
  const call = extentsAsync(shared)
  shared.fill(0)
  assert.deepEqual(await call, expected)
})

test('bytes that were transferred meanwhile are no answer', { skip: binding === 'wasm' && 'they are copied there' }, async () => {
  const bytes = new Uint8Array(Buffer.from('YAAAAA=='))
  const call = extentsAsync(bytes)
  const moved = structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  await assert.rejects(call, { code: 'invalid-argument' })
  assert.equal(moved.byteLength, 8)
})
