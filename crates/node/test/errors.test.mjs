// Errors of answers and of calls.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { test } from 'node:test'

import { runInNewContext } from 'node:vm'

import { ChangedBlocksError, blocks, blocksAsync, extents, extentsAsync, merge, mergeAsync, union } from '../index.js'

test('an error says what, where, and what to do', async () => {
  const expected = {
    name: 'ChangedBlocksError',
    message: "'-' (0x2d) at offset 6 is not base64",
    code: 'invalid-symbol',
    consequence: 'full-backup',
    offset: 6,
    hint: "this is the URL-safe alphabet; the call answers in the standard one, with '+' and '/'",
  }
  assert.throws(() => extents('YAAAAA-='), expected)
  assert.throws(() => blocks(Buffer.from('YAAAAA-=')), expected)
  await assert.rejects(extentsAsync('YAAAAA-='), expected)
  await assert.rejects(extentsAsync(Readable.from([Buffer.from('YAAA'), 'AA-='])), expected)
})

test('an error is an Error, and has no place where there is none', () => {
  try {
    extents('AAAA', { virtualSize: 2 ** 40 })
    assert.fail('it is too short')
  } catch (error) {
    assert(error instanceof Error && error instanceof ChangedBlocksError)
    assert.equal(error.code, 'too-short')
    assert(!('offset' in error))
    assert.match(error.hint, /take a full backup/)
    assert.match(error.stack, /errors\.test\.mjs/)
  }
})

test('text that is not ASCII is no base64, wherever it is and however it is written', async () => {
  // The low byte of each is a symbol of base64.
  for (const odd of ['\u0141', '\u{1f641}', 'é', '\ud841']) {
    for (const before of [0, 1, 1000, 262_143, 262_144, 500_000]) {
      const text = 'A'.repeat(before) + odd + 'A'.repeat(300_000)
      const expected = { code: 'invalid-symbol', offset: before }
      assert.throws(() => extents(text), expected)
      assert.throws(() => extents(text.slice(0, before + odd.length)), expected)
    }
    await assert.rejects(extentsAsync('A'.repeat(500_000) + odd), { code: 'invalid-symbol', offset: 500_000 })
  }
})

test('an answer that is none is refused', async () => {
  for (const answer of [undefined, null, 5, {}, [], true, Symbol('answer')]) {
    const expected = { code: 'invalid-argument', consequence: 'wrong-usage' }
    assert.throws(() => extents(answer), expected)
    await assert.rejects(extentsAsync(answer), expected)
  }
  for (const word of ['null', 'None', ' true\n']) {
    assert.throws(() => extents(word), { code: 'not-a-bitmap' })
  }
  assert.throws(() => extents(Readable.from([])), { code: 'invalid-argument', hint: 'streams are for extentsAsync' })
  await assert.rejects(extentsAsync(Readable.from([{}])), { code: 'invalid-argument' })
  await assert.rejects(extentsAsync(Readable.from([])), { code: 'empty' })
  for (const encoding of ['raw-msb0', 'raw-lsb0', 'cbtlog']) {
    const expected = { code: 'invalid-argument', hint: 'read it as a Buffer, without an encoding' }
    assert.throws(() => extents('AAAA', { encoding }), expected)
    await assert.rejects(extentsAsync('AAAA', { encoding }), expected)
  }
})

test('a stream of strings is no bitmap of bytes: it may have been decoded wrongly', async () => {
  for (const encoding of ['raw-msb0', 'raw-lsb0', 'cbtlog']) {
    const stream = Readable.from([Buffer.from([0xf0, 0x9f, 0x98, 0x00])], { objectMode: false })
    stream.setEncoding('utf8')
    await assert.rejects(extentsAsync(stream, { encoding, virtualSize: 2 ** 21 }), { code: 'invalid-argument' }, encoding)
    assert(stream.destroyed)
  }
})

test('an array of other items than bytes is no bitmap', async () => {
  const list = extents('YAAAAA==')
  for (const answer of [list, new BigUint64Array(1), new Uint16Array([0x41, 0x41]), new Float32Array(9)]) {
    const expected = { code: 'invalid-argument', hint: 'give a bitmap as a Buffer or another Uint8Array' }
    assert.throws(() => extents(answer, { encoding: 'raw-msb0' }), expected)
    await assert.rejects(blocksAsync(Readable.from([answer]), { encoding: 'raw-msb0' }), expected)
  }
  const raw = new Int8Array([0x60, 0, 0, 0])
  assert.deepEqual(extents(raw, { encoding: 'raw-msb0' }), new Float64Array([65_536, 131_072]))
})

test('memory that was transferred, or made smaller, is no answer and no list', async () => {
  const moved = array => {
    structuredClone(array.buffer, { transfer: [array.buffer] })
    return array
  }
  const small = length => {
    const buffer = new ArrayBuffer(length, { maxByteLength: length })
    const view = new DataView(buffer, 0, length)
    const array = new Float64Array(buffer, 0, length / 8)
    buffer.resize?.(0)
    return buffer.resize === undefined ? [] : [view, array]
  }
  const expected = { code: 'invalid-argument', consequence: 'wrong-usage' }
  const bytes = moved(new Uint8Array(8))
  const view = new DataView(new ArrayBuffer(8))
  moved(view)
  for (const answer of [bytes, bytes.buffer, view, ...small(16)]) {
    assert.throws(() => extents(answer), expected)
    await assert.rejects(extentsAsync(answer), expected)
    await assert.rejects(extentsAsync(Readable.from([answer])), expected)
  }
  for (const list of [moved(new Float64Array(2)), ...small(16).slice(1)]) {
    assert.throws(() => merge(list, 0), expected)
    assert.throws(() => union(list, list), expected)
    await assert.rejects(mergeAsync(list, 0), expected)
  }
})

test('values that cannot be shown are refused as well', () => {
  const odd = Object.create(null)
  const expected = { code: 'invalid-argument' }
  assert.throws(() => extents(odd), expected)
  assert.throws(() => extents('YAAAAA==', { virtualSize: odd }), expected)
  assert.throws(() => extents('YAAAAA==', { encoding: odd }), expected)
  assert.throws(() => merge(odd, 1), expected)
  assert.throws(() => merge(new Float64Array(0), odd), expected)
  assert.throws(() => extents(new Array(5_000_000).fill('AAAA')), error => error.message.length < 300)
})

test('options are judged', () => {
  const refused = (options, code = 'invalid-argument') =>
    assert.throws(() => extents('YAAAAA==', options), { code })
  for (const virtualSize of [undefined, null, -1, 0.5, NaN, 2 ** 53, '1M', '', ' 1', {}, -1n, 2n ** 64n]) {
    refused({ virtualSize })
  }
  for (const virtualSize of [0, 0n, '0']) {
    refused({ virtualSize }, 'virtual-size')
  }
  for (const blockSize of [0, 1, 511, 65_537, 2 ** 31]) {
    refused({ blockSize }, 'block-size')
  }
  refused({ encoding: 'hex' }, 'unknown-encoding')
  refused({ encoding: 'base64\nvirtual_size=1' })
  refused({ encoding: 5 })
  refused({ bigint: 1 })
  refused({ allowInconsistent: 'yes' })
  refused({ virtualsize: 1 })
  refused({ at: 65_536 })
  refused({ signal: new AbortController().signal })
  refused(null)
  refused(5)
  // Options that a prototype has, or that are no properties at all, would be checks that are not made.
  const virtualSize = 2 ** 40
  class Options {
    get virtualSize() {
      return virtualSize
    }
  }
  refused(Object.create({ virtualSize }))
  refused(Object.create(Object.create(null, { virtualSize: { value: virtualSize } })))
  refused(new Options())
  refused(new Map([['virtualSize', virtualSize]]))
  refused([])
  refused(Object.defineProperty({}, 'virtualSize', { value: virtualSize }), 'too-short')
  for (const plain of [runInNewContext('({ virtualSize: 2000000 })'), Object.create(null)]) {
    assert.equal(extents('YAAAAA==', plain).length, 2)
  }
  assert.throws(() => blocks('YAAAAA==', { at: 3 << 20 }), { code: 'block-size' })
  assert.throws(() => blocks('YAAAAA==', { mergeGap: 0 }), { code: 'invalid-argument' })
  for (const virtualSize of [2_000_000, 2_000_000n, '2000000']) {
    assert.equal(extents('YAAAAA==', { virtualSize, encoding: undefined }).length, 2)
  }
})

test('a .cbtlog of a crashed host is refused unless it is allowed by name', () => {
  const log = Buffer.alloc(49)
  log.writeBigUInt64LE(8n * 65_536n, 40)
  log[48] = 6
  assert.throws(() => extents(log, { encoding: 'cbtlog' }), { code: 'inconsistent', offset: 32 })
  const list = extents(log, { encoding: 'cbtlog', allowInconsistent: true })
  assert.deepEqual(list, new Float64Array([65_536, 131_072]))
  assert.equal(blocks(log, { encoding: 'cbtlog', allowInconsistent: true }).virtualSize, 8 * 65_536)
})

test('the types name every kind of error', () => {
  const read = path => readFileSync(new URL(path, import.meta.url), 'utf8')
  const [, types] = read('../index.d.ts').match(/^export type Code =\n(.*?)\n\n/ms)
  const named = Array.from(types.matchAll(/'([a-z-]+)'/g), match => match[1])
  const kinds = Array.from(read('../../../src/error_table.md').matchAll(/\| `([a-z-]+)` \|/g), match => match[1])
  assert(kinds.length > 30)
  const own = ['invalid-argument', 'unsafe-integer', 'system', 'internal']
  assert.deepEqual(named.sort(), [...new Set([...kinds, ...own])].sort())
})
