// The block lists of @xen-orchestra/xapi against this package's, and the example that adapts this one to the interface of
// disks that those packages share. Where they are known to differ, that is stated.
//
//     node --test xen-orchestra.test.mjs
//
// In a folder where @xen-orchestra/xapi, @xen-orchestra/disk-transform and changed-blocks are installed.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { XapiVhdCbtSource } from '@xen-orchestra/xapi/disks/XapiVhdCbt.mjs'
import { ChangedBlocksDisk } from './disk.mjs'
import { larger, random, randomBlocks, toBase64 } from './naive.mjs'

const RATIO = 32

async function theirs(answer, virtualSize) {
  const xapi = {
    getField: async (type, ref, field) => ({ cbt_enabled: true, virtual_size: virtualSize })[field],
    VDI_listChangedBlock: async () => Buffer.from(answer, 'base64'),
  }
  const disk = new XapiVhdCbtSource({ vdiRef: 'to', baseRef: 'from', xapi, onlyListChangedBlocks: true })
  await disk.init()
  return disk
}

async function ours(answer, virtualSize) {
  const read = async (offset, length) => Buffer.alloc(length, offset / 2 ** 21)
  const disk = new ChangedBlocksDisk({ virtualSize, listChangedBlocks: async () => answer, read })
  await disk.init()
  return disk
}

test('the same blocks, for any bitmap as VHD storage makes them', async () => {
  const next = random(20)
  for (let round = 0; round < 500; round++) {
    const changed = randomBlocks(next, 1 + next(20_000), 1 + next(500), 1 + next(70))
    const virtualSize = changed.length * 65_536 - 512 * next(128)
    // The length of a bitmap is a multiple of four bytes there.
    const answer = toBase64(changed, 4)
    const [their, our] = [await theirs(answer, virtualSize), await ours(answer, virtualSize)]
    assert.deepEqual(our.getBlockIndexes(), their.getBlockIndexes())
    assert.deepEqual(our.getBlockIndexes(), larger(changed, RATIO))
    assert.equal(our.getBlockIndexesCount(), their.getBlockIndexesCount())
    assert.equal(our.getVirtualSize(), their.getVirtualSize())
    assert.equal(our.getBlockSize(), their.getBlockSize())
    assert.equal(our.isDifferencing(), their.isDifferencing())
    for (let block = 0; block < Math.ceil(changed.length / RATIO); block++) {
      assert.equal(our.hasBlock(block), their.hasBlock(block))
    }
  }
})

test('the blocks of a disk are read, the last one as far as there is any', async () => {
  const virtualSize = 3 * 2 ** 21 + 100_000
  const changed = new Array(98).fill(false)
  changed[40] = changed[97] = true
  const disk = await ours(toBase64(changed), virtualSize)
  const blocks = []
  for await (const { index, data } of disk.diskBlocks()) {
    blocks.push([index, data.length])
  }
  assert.deepEqual(blocks, [[1, 2 ** 21], [3, 100_000]])
})

test('an answer that was decoded already is refused, since faults in it are gone', async () => {
  const disk = new ChangedBlocksDisk({ virtualSize: 2 ** 21, listChangedBlocks: async () => Buffer.from('ygAAAA==', 'base64') })
  await assert.rejects(disk.init(), { name: 'TypeError' })
})

test('an answer that was cut short: there a shorter list, here an error', async () => {
  const changed = randomBlocks(random(21), 16_384, 100, 9)
  const virtualSize = changed.length * 65_536
  const answer = toBase64(changed)
  const cut = answer.slice(0, 16 * Math.floor(answer.length / 32))
  const [whole, less] = [await theirs(answer, virtualSize), await theirs(cut, virtualSize)]
  assert(less.getBlockIndexes().length < whole.getBlockIndexes().length)
  await assert.rejects(ours(cut, virtualSize), { code: 'too-short', consequence: 'full-backup' })
})

test('an empty answer: there nothing changed, here an error', async () => {
  assert.deepEqual((await theirs('', 2 ** 30)).getBlockIndexes(), [])
  await assert.rejects(ours('', 2 ** 30), { code: 'empty', consequence: 'full-backup' })
})

test('a bitmap that is no multiple of four bytes: there an exception, here its blocks', async () => {
  const changed = randomBlocks(random(22), 40, 5, 3)
  const answer = toBase64(changed)
  const their = await theirs(answer, 40 * 65_536)
  assert.throws(() => their.getBlockIndexes(), RangeError)
  const our = await ours(answer, 40 * 65_536)
  assert.deepEqual(our.getBlockIndexes(), larger(changed, RATIO))
})

test('a character that is no base64: there it is skipped, and what follows moves; here an error', async () => {
  const changed = new Array(4096).fill(false)
  changed[4000] = true
  const answer = toBase64(changed)
  // Four of them, so that the length fits.
  const damaged = `${answer.slice(0, 100)}####${answer.slice(104)}`
  const virtualSize = changed.length * 65_536
  const their = (await theirs(answer, virtualSize)).getBlockIndexes()
  const moved = Buffer.from(damaged, 'base64')
  assert.equal(moved.length, 509)
  assert.deepEqual(their, [125])
  await assert.rejects(ours(damaged, virtualSize), { code: 'invalid-symbol', offset: 100 })
})
