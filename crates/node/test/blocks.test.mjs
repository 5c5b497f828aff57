// Blocks at one's own size, against the plainest way to find them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'

import { blocks, blocksAsync, extents } from '../index.js'
import { larger, random, randomBlocks, toBase64, toRanges } from './naive.mjs'

test('any bitmap, at any size of blocks', async () => {
  const next = random(1)
  for (let round = 0; round < 200; round++) {
    const changed = randomBlocks(next, 1 + next(3000), 1 + next(200), 1 + next(70))
    const ratio = 2 ** next(8)
    const virtualSize = changed.length * 65_536 - next(65_536)
    const found = blocks(toBase64(changed), { virtualSize, at: ratio * 65_536 })
    const expected = larger(changed, ratio)
    assert.deepEqual([...found], expected)
    assert.deepEqual([...found.toUint32Array()], expected)
    const { count, any, length, blockSize } = found
    assert.deepEqual({ count, any, length, blockSize, virtualSize: found.virtualSize }, {
      count: expected.length,
      any: expected.length > 0,
      length: Math.ceil(changed.length / ratio),
      blockSize: ratio * 65_536,
      virtualSize,
    })
    const members = new Set(expected)
    for (let block = 0; block < found.length; block++) {
      assert.equal(found.has(block), members.has(block))
    }
    assert.deepEqual([...extents(toBase64(changed), { virtualSize })], toRanges(changed, 65_536, virtualSize))
  }
})

test('smaller blocks are changed if they are part of a changed one', () => {
  const found = blocks('gA==', { virtualSize: 65_536 + 5000, at: 16_384 })
  assert.deepEqual([[...found], found.length], [[0, 1, 2, 3], 5])
})

test('the same, later', async () => {
  const answer = toBase64(randomBlocks(random(2), 5000, 40, 9))
  const [now, later] = [blocks(answer, { at: 2 << 20 }), await blocksAsync(Buffer.from(answer), { at: '2097152' })]
  assert.deepEqual([...later.toUint32Array()], [...now])
  assert.equal(later.virtualSize, undefined)
})

test('a block that the disk does not have is no block', () => {
  const found = blocks('gAAAAA==', { virtualSize: 20 * 65_536 })
  for (const index of [20, -1, 0.5, NaN, Infinity, '0', undefined, 2 ** 40]) {
    assert.throws(() => found.has(index), { code: 'invalid-argument' }, String(index))
  }
  const expected = { message: '1n is no block of a disk of 20 blocks', hint: 'give the index as a number' }
  assert.throws(() => found.has(1n), expected)
})

test('blocks cannot be changed, and say what they are', () => {
  const found = blocks('gAAAAA==', { virtualSize: 20 * 65_536 })
  assert.throws(() => {
    'use strict'
    found.count = 0
  }, TypeError)
  assert.match(inspect(found), /Blocks \{.*length: 20,.*count: 1,/s)
})
