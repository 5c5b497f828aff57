// Every row of the table, in every way in which an answer can be handed over.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { test } from 'node:test'

import { binding, blocks, extents, extentsAsync } from '../index.js'
import { readTable } from './table.mjs'

/** Numbers of offset and length, or the error's kind and place, as the table has them. */
async function outcomeOf(call) {
  try {
    const list = await call()
    assert(list instanceof BigUint64Array)
    return list
  } catch (error) {
    assert.equal(error.name, 'ChangedBlocksError', error.stack)
    assert(['full-backup', 'wrong-usage'].includes(error.consequence), error.consequence)
    return `${error.code} ${error.offset ?? '-'}`
  }
}

function check({ name, kind, words }, outcome, way) {
  const label = `${name}, ${way}`
  if (kind === 'error') {
    assert.equal(outcome, words.join(' '), label)
    return
  }
  assert(typeof outcome !== 'string', `${label}: ${outcome}`)
  const pairs = []
  for (let i = 0; i < outcome.length; i += 2) {
    pairs.push(`${outcome[i]}+${outcome[i + 1]}`)
  }
  if (kind === 'ranges') {
    assert.deepEqual(pairs, words, label)
  } else {
    const bytes = outcome.reduce((sum, length, i) => (i % 2 === 1 ? sum + length : sum), 0n)
    const digest = createHash('sha256').update(outcome).digest('hex')
    assert.deepEqual([String(pairs.length), String(bytes), digest], words, label)
  }
}

function* pieces(input, length) {
  for (let at = 0; at < input.length; at += length) {
    yield input.subarray(at, at + length)
  }
}

const table = readTable()
const isText = ({ input, options }) => ['base64', 'bits'].includes(options.encoding) && input.every(byte => byte < 0x80)

test('the table has rows of each kind', () => {
  assert(table.length > 250)
  for (const kind of ['ranges', 'digest', 'error']) {
    assert(table.some(row => row.kind === kind), kind)
  }
})

for (const [way, applies, call] of [
  ['a Buffer', () => true, (input, options) => extents(input, options)],
  ['an ArrayBuffer', () => true, (input, options) => extents(new Uint8Array(input).buffer, options)],
  ['a part of another array', () => true, (input, options) => extents(new DataView(padded(input).buffer, 3, input.length), options)],
  ['a string', isText, (input, options) => extents(input.toString('latin1'), options)],
]) {
  test(`every row, as ${way}`, async () => {
    for (const row of table.filter(applies)) {
      check(row, await outcomeOf(() => call(row.input, { ...row.options, bigint: true })), way)
    }
  })
}

function padded(input) {
  const bytes = new Uint8Array(input.length + 3)
  bytes.set(input, 3)
  return bytes
}

for (const [way, applies, call] of [
  ['a Buffer, later', () => true, (input, options) => extentsAsync(input, options)],
  ['a string, later', isText, (input, options) => extentsAsync(input.toString('latin1'), options)],
  ['a stream', () => true, (input, options) => extentsAsync(Readable.from(pieces(input, 65_521)), options)],
  ['a stream of single bytes', row => row.input.length < 100, (input, options) => extentsAsync(Readable.from(pieces(input, 1)), options)],
]) {
  test(`every row, as ${way}`, async () => {
    // Without the native module, each of these calls starts a thread.
    const rows = table.filter(applies).filter((_, i) => binding === 'native' || i % 7 === 0)
    for (let at = 0; at < rows.length; at += 4) {
      const some = rows.slice(at, at + 4)
      const outcomes = await Promise.all(some.map(row => outcomeOf(() => call(row.input, { ...row.options, bigint: true }))))
      some.forEach((row, i) => check(row, outcomes[i], way))
    }
  })
}

test('numbers below 2^53 are the same as bigints, and others are refused', () => {
  for (const row of table.filter(({ kind }) => kind !== 'error')) {
    const exact = extents(row.input, { ...row.options, bigint: true })
    const end = exact.length === 0 ? 0n : exact.at(-2) + exact.at(-1)
    if (end <= 2n ** 53n) {
      const numbers = extents(row.input, row.options)
      assert(numbers instanceof Float64Array)
      assert.deepEqual(BigUint64Array.from(numbers, BigInt), exact, row.name)
    } else {
      assert.throws(() => extents(row.input, row.options), { code: 'unsafe-integer', consequence: 'wrong-usage' })
    }
  }
})

test('blocks at their own size are those of the ranges', () => {
  for (const row of table.filter(({ kind }) => kind === 'ranges')) {
    const { blockSize } = row.options
    const expected = row.words.flatMap(range => {
      const [offset, length] = range.split('+').map(BigInt)
      const first = Number(offset / BigInt(blockSize))
      const after = Number((offset + length + BigInt(blockSize) - 1n) / BigInt(blockSize))
      return Array.from({ length: Math.min(after - first, 1000) }, (_, i) => first + i)
    })
    const changed = blocks(row.input, row.options)
    assert(expected.every(block => changed.has(block)), row.name)
    if (row.words.length > 0 && changed.count < 1000) {
      assert.deepEqual([...changed], expected, row.name)
    }
  }
})
