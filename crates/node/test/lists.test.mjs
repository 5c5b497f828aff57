// Shapes of lists, and sets of them, against bytes that are counted one by one.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as api from '../index.js'
import { random } from './naive.mjs'

const { align, budget, difference, extents, intersection, merge, split, symmetricDifference, union } = api

const SIZE = 300

function randomList(next) {
  const numbers = []
  for (let at = next(20); at < SIZE - 30; ) {
    const length = 1 + next(25)
    numbers.push(at, length)
    at += length + 1 + next(40)
  }
  return new Float64Array(numbers)
}

/** Which bytes a list covers; it is canonical, or its pieces may be adjacent. */
function covered(list, mayTouch = false) {
  const bytes = new Array(SIZE).fill(false)
  let end = mayTouch ? 0 : -1
  for (let i = 0; i < list.length; i += 2) {
    assert(list[i + 1] > 0 && (mayTouch ? list[i] >= end : list[i] > end), `${list}`)
    end = list[i] + list[i + 1]
    bytes.fill(true, list[i], end)
  }
  return bytes
}

const isSuperset = (wide, narrow) => narrow.every((bit, i) => !bit || wide[i])

test('shapes cover what they were given', () => {
  const next = random(3)
  for (let round = 0; round < 300; round++) {
    const list = randomList(next)
    const bytes = covered(list)
    const [gap, size, count, longest] = [next(40), 1 + next(30), 1 + next(6), 1 + next(20)]

    const merged = merge(list, gap)
    assert(isSuperset(covered(merged), bytes))
    for (let i = 2; i < merged.length; i += 2) {
      assert(merged[i] - merged[i - 2] - merged[i - 1] > gap)
    }
    const aligned = align(list, size, { virtualSize: SIZE })
    assert(isSuperset(covered(aligned), bytes))
    aligned.forEach((number, i) => {
      const at = i % 2 === 0 ? number : aligned[i - 1] + number
      assert(at % size === 0 || at === SIZE)
    })
    const few = budget(list, count)
    assert(isSuperset(covered(few), bytes) && few.length <= 2 * count)

    const pieces = split(list, longest)
    assert.deepEqual(covered(pieces, true), bytes)
    assert(pieces.every((number, i) => i % 2 === 0 || number <= longest))
  }
})

test('sets are those of their bytes, for both kinds of list', async () => {
  const next = random(4)
  for (const [name, wanted] of Object.entries({
    union: (a, b) => a || b,
    intersection: (a, b) => a && b,
    difference: (a, b) => a && !b,
    symmetricDifference: (a, b) => a !== b,
  })) {
    for (let round = 0; round < 100; round++) {
      const [a, b] = [randomList(next), randomList(next)]
      const found = api[name](a, b)
      assert(found instanceof Float64Array)
      const [inA, inB] = [covered(a), covered(b)]
      assert.deepEqual(covered(found), inA.map((bit, i) => wanted(bit, inB[i])))
      const exact = api[name](BigUint64Array.from(a, BigInt), BigUint64Array.from(b, BigInt))
      assert.deepEqual(exact, BigUint64Array.from(found, BigInt))
    }
    const [a, b] = [randomList(next), randomList(next)]
    assert.deepEqual(await api[`${name}Async`](a, b), api[name](a, b))
  }
})

test('shapes of an answer are those of its list, in their order', () => {
  const options = { virtualSize: 33 * 65_536 - 100 }
  const answer = 'ygIAQIA='
  const list = extents(answer, options)
  const shaped = extents(answer, { ...options, mergeGap: 65_536, align: 200_000, atMost: 2, split: 1 << 20 })
  const expected = split(budget(align(merge(list, 65_536), 200_000, options), 2), 1 << 20)
  assert.deepEqual(shaped, expected)
  assert(shaped.length > 4)
})

test('the same, later', async () => {
  const list = randomList(random(5))
  assert.deepEqual(await api.mergeAsync(list, 7), merge(list, 7))
  assert.deepEqual(await api.alignAsync(list, 7, { virtualSize: SIZE }), align(list, 7, { virtualSize: SIZE }))
  assert.deepEqual(await api.budgetAsync(list, 3), budget(list, 3))
  assert.deepEqual(await api.splitAsync(list, 7), split(list, 7))
})

test('a list is never changed, also if it is a part of another', () => {
  const numbers = new Float64Array([9, 9, 0, 10, 12, 3, 9])
  const part = numbers.subarray(2, 6)
  assert.deepEqual(merge(part, 2), new Float64Array([0, 15]))
  assert.deepEqual(numbers, new Float64Array([9, 9, 0, 10, 12, 3, 9]))
})

test('the pieces of a split are a list for every call', async () => {
  const next = random(9)
  for (let round = 0; round < 100; round++) {
    const [list, other] = [randomList(next), randomList(next)]
    const pieces = split(list, 1 + next(10))
    assert.deepEqual(merge(pieces, 0), list)
    assert.deepEqual(split(pieces, 7), split(list, 7))
    assert.deepEqual(budget(pieces, 2), budget(list, 2))
    assert.deepEqual(await api.alignAsync(pieces, 16), align(list, 16))
    assert.deepEqual(union(pieces, other), union(list, other))
    assert.deepEqual(difference(other, pieces), difference(other, list))
  }
  // An overlap is refused, and named by its place in the list.
  const overlap = new Float64Array([0, 5, 5, 5, 9, 2])
  assert.throws(() => merge(overlap, 0), { code: 'byte-range', message: /^byte range 2, 2 bytes at offset 9,/ })
})

test('what a call on lists does not know is refused', async () => {
  const list = new Float64Array([65_536, 1000])
  const { signal } = new AbortController()
  const expected = { name: 'ChangedBlocksError', code: 'invalid-argument' }
  for (const call of [
    () => align(list, 65_536, 70_000),
    () => align(list, 512, null),
    () => align(list, 512, { mergeGap: 1 }),
    () => align(list, 512, { align: 1 }),
    () => align(list, 512, { signal }),
    () => align(list, 512, {}, 5),
    () => merge(list, 1, { virtualSize: 70_000 }),
    () => merge(list, 1, 5),
    () => budget(list, 1, { signal }),
    () => split(list, 1, { sginal: signal }),
  ]) {
    assert.throws(call, expected, String(call))
  }
  for (const call of [
    () => api.mergeAsync(list, 1, { sginal: signal }),
    () => api.mergeAsync(list, 1, { signal: 5 }),
    () => api.mergeAsync(list, 1, 5),
    () => api.mergeAsync(list, 1, null),
    () => api.alignAsync(list, 512, { mergeGap: 1 }),
    () => api.splitAsync(list, 1, {}, { signal }),
    () => api.unionAsync(list, list, { sginal: signal }),
    () => api.unionAsync(list, list, { virtualSize: 1 }),
    () => api.unionAsync(list, list, 5),
    () => api.unionAsync(list, list, null),
  ]) {
    await assert.rejects(call, expected, String(call))
  }
  assert.deepEqual(await api.alignAsync(list, 65_536, { virtualSize: 70_000, signal }), new Float64Array([65_536, 4464]))
  assert.deepEqual([list, list, list].reduce(union), list)
})

test('lists that are none are refused', async () => {
  const good = new Float64Array([0, 10])
  for (const [list, code] of [
    [new Float64Array([5, 10, 0, 1]), 'byte-range'],
    [new Float64Array([0, 0]), 'byte-range'],
    [new BigUint64Array([2n ** 64n - 1n, 1n]), 'byte-range'],
    [new Float64Array([0]), 'invalid-argument'],
    [new Float64Array([0.5, 1]), 'invalid-argument'],
    [new Float64Array([-1, 1]), 'invalid-argument'],
    [new Float64Array([0, NaN]), 'invalid-argument'],
    [new Float64Array([0, 2 ** 54]), 'invalid-argument'],
    [[0, 10], 'invalid-argument'],
    [undefined, 'invalid-argument'],
  ]) {
    const expected = { name: 'ChangedBlocksError', code, consequence: 'wrong-usage' }
    assert.throws(() => merge(list, 1), expected)
    assert.throws(() => union(good, list), list instanceof BigUint64Array ? { code: 'invalid-argument' } : expected)
    await assert.rejects(api.mergeAsync(list, 1), expected)
  }
  assert.throws(() => intersection(good, new BigUint64Array(0)), { code: 'invalid-argument' })
  for (const call of [() => merge(good), () => align(good), () => budget(good), () => split(good)]) {
    assert.throws(call, { code: 'invalid-argument' })
  }
  for (const call of [() => align(good, 0), () => budget(good, 0), () => split(good, 0), () => merge(good, -1)]) {
    assert.throws(call, { code: 'invalid-argument' })
  }
  assert.throws(() => align(good, 512, { virtualSize: undefined }), { code: 'invalid-argument' })
  assert.throws(() => align(good, 512, { virtualsize: 5 }), { code: 'invalid-argument' })
  assert.equal(difference(good, good).length, 0)
  assert.equal(symmetricDifference(good, good).length, 0)
})
