// Calls that nobody waits for: streams, signals, many at once.

import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { createReadStream } from 'node:fs'
import { Readable, Transform } from 'node:stream'
import { test } from 'node:test'
import { setImmediate, setTimeout } from 'node:timers/promises'

import { binding, blocksAsync, extents, extentsAsync, mergeAsync, union, unionAsync } from '../index.js'
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

test('a web stream that stands still is cancelled', async () => {
  let cancelled = false
  const stalled = new ReadableStream({
    start: controller => controller.enqueue('YAAA'),
    cancel: () => {
      cancelled = true
    },
  })
  await assert.rejects(extentsAsync(stalled, { signal: soon() }), { name: 'AbortError' })
  await setTimeout(10)
  assert(cancelled)
})

test('a signal that aborts as soon as a stream has ended', async () => {
  for (let turns = 0; turns < 12; turns++) {
    const controller = new AbortController()
    async function* ending() {
      yield 'A'.repeat(2 ** 20)
      let wait = Promise.resolve()
      for (let i = 0; i < turns; i++) {
        wait = wait.then(() => {})
      }
      wait.then(() => controller.abort())
    }
    await assert.rejects(extentsAsync(ending(), { signal: controller.signal }), { name: 'AbortError' }, `${turns}`)
  }
})

test('a signal that aborts while a call on lists goes on', async () => {
  for (const turns of [0, 1, 3]) {
    const controller = new AbortController()
    const call = unionAsync(longList, longList, { signal: controller.signal })
    for (let i = 0; i < turns; i++) {
      await setImmediate()
    }
    controller.abort()
    await assert.rejects(call, { name: 'AbortError' })
  }
})

test('one signal for many calls has one listener, and none after them', async () => {
  const controller = new AbortController()
  const { signal } = controller
  const warnings = []
  const warned = warning => warnings.push(warning.name)
  process.on('warning', warned)
  const count = binding === 'native' ? 30 : 12
  await Promise.all(Array.from({ length: count }, () => extentsAsync('YAAAAA==', { signal })))
  await setTimeout(10)
  process.off('warning', warned)
  assert.deepEqual(warnings, [])
  assert.equal(getEventListeners(signal, 'abort').length, 0)
})

test('a signal that aborts later, or never, changes nothing', async () => {
  const controller = new AbortController()
  assert.deepEqual(await extentsAsync(answer, { signal: controller.signal }), expected)
  controller.abort()
  const { signal } = new AbortController()
  assert.deepEqual(await extentsAsync(Buffer.from(answer), { signal }), expected)
  await assert.rejects(extentsAsync(answer, { signal: {} }), { code: 'invalid-argument' })
})

test('options count as they are when a call is made', async () => {
  const options = { bigint: true, virtualSize: 2_000_000 }
  const call = extentsAsync('YAAAAA==', options)
  options.bigint = false
  assert.deepEqual(await call, new BigUint64Array([65_536n, 131_072n]))
  const read = []
  const seen = new Proxy({ bigint: false }, { get: (target, name) => (read.push(name), target[name]) })
  await extentsAsync('YAAAAA==', seen)
  assert.deepEqual(read, ['bigint'])
})

test('a stream is destroyed by a call that does not read it', async () => {
  const signal = AbortSignal.abort()
  for (const options of [{ virtualSize: undefined }, { signal }, { signal: 5 }, { virtualsize: 1 }, null, { encoding: 'hex' }]) {
    for (const call of [extentsAsync, blocksAsync]) {
      // Its error, which comes later, would end the process.
      const missing = createReadStream('/nonexistent/answer.b64')
      await assert.rejects(call(missing, options))
      assert(missing.destroyed)
      let ran = false
      async function* generator() {
        ran = true
        yield 'YAAAAA=='
      }
      const unread = generator()
      await assert.rejects(call(unread, options))
      await setImmediate()
      assert.deepEqual([ran && options?.encoding !== 'hex', await unread.next()], [false, { done: true, value: undefined }])
      let cancelled = false
      const web = new ReadableStream({ cancel: () => (cancelled = true) })
      const kept = setTimeout(1000, undefined, { ref: true })
      await assert.rejects(call(web, options?.encoding === 'hex' ? { signal: soon() } : options))
      await setTimeout(5)
      assert(cancelled)
      void kept
    }
  }
  const locked = new ReadableStream()
  locked.getReader()
  await assert.rejects(extentsAsync(locked), { name: 'TypeError' })
  await setTimeout(20)
})

test('the error of a stream is the one that is told, whatever leaving it does', async () => {
  const stream = {
    [Symbol.asyncIterator]: () => ({
      next: async () => ({ value: 5, done: false }),
      return() {
        throw new Error('it cannot be left')
      },
    }),
  }
  await assert.rejects(extentsAsync(stream), { code: 'invalid-argument' })
})

// Longer than what is copied at once.
const longBytes = new Uint8Array(12 << 20).fill(0x66)
const longList = new Float64Array(2 << 20).map((_, i) => (i % 2 ? 10 : 500 * i))

const transferred = array => structuredClone(array.buffer, { transfer: [array.buffer] })

test('what becomes of bytes after a call is made changes nothing', async () => {
  const shared = new Uint8Array(new SharedArrayBuffer(answer.length))
  for (const bytes of [new Uint8Array(answer.length), shared]) {
    bytes.set(Buffer.from(answer))
    const call = extentsAsync(bytes)
    bytes.fill(65)
    assert.deepEqual(await call, expected)
  }
  const bytes = new Uint8Array(Buffer.from(answer))
  const call = extentsAsync(bytes)
  transferred(bytes)
  assert.deepEqual(await call, expected)
  const list = new Float64Array(expected.subarray(0, 1000))
  const merged = [mergeAsync(list, 0), unionAsync(list, list)]
  list.fill(0)
  transferred(list)
  assert.deepEqual(await Promise.all(merged), [expected.slice(0, 1000), expected.slice(0, 1000)])
})

test('long inputs that are transferred meanwhile are no answer and no list', async () => {
  for (const turns of [0, 1, 2]) {
    for (const call of [
      [() => new Uint8Array(longBytes), input => extentsAsync(input, { encoding: 'raw-msb0' })],
      [() => new Float64Array(longList), input => mergeAsync(input, 1)],
      [() => new Float64Array(longList), input => unionAsync(longList, input)],
      [() => new Float64Array(longList), input => unionAsync(input, new Float64Array(longList))],
    ]) {
      const [make, start] = call
      const input = make()
      const outcome = start(input).then(result => result.length, error => error.code)
      for (let i = 0; i < turns; i++) {
        await setImmediate()
      }
      transferred(input)
      // A fast machine may have copied all of it by then.
      const found = await outcome
      assert(found === 'invalid-argument' || (turns > 0 && found > 0), `${turns}: ${found}`)
    }
  }
})

test('long inputs give what short ones give', async () => {
  assert.deepEqual(await extentsAsync(longBytes, { encoding: 'raw-msb0' }), extents(longBytes, { encoding: 'raw-msb0' }))
  const text = Buffer.from(longBytes).toString('base64')
  assert.deepEqual(await extentsAsync(text), extents(text))
  assert.deepEqual(await extentsAsync(Readable.from([text, text])), extents(text + text))
  const shared = new Float64Array(new SharedArrayBuffer(longList.byteLength))
  shared.set(longList)
  assert.deepEqual(await unionAsync(shared, new Float64Array([1, 2])), union(longList, new Float64Array([1, 2])))
})
