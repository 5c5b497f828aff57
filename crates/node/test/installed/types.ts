// The types, as a program in TypeScript uses them. It is only compiled.

import { createReadStream } from 'node:fs'

import * as changed from 'changed-blocks'
import { Blocks, ChangedBlocksError, blocks, blocksAsync, extents, extentsAsync, merge, unionAsync } from 'changed-blocks'

const numbers: Float64Array = extents('AAAA')
const exact: BigUint64Array = extents(Buffer.from('AAAA'), { virtualSize: 1n, bigint: true })
const merged: BigUint64Array = merge(exact, 1024)
const bitmap: Blocks = blocks(new Uint8Array(3), { encoding: 'raw-lsb0', at: 2 * 1024 * 1024, virtualSize: '100' })
const indexes: number[] = [...bitmap]
const array: Uint32Array = bitmap.toUint32Array()

// @ts-expect-error a stream is for the asynchronous form
extents(createReadStream('answer'))
// @ts-expect-error there is no such option
extents('AAAA', { virtualsize: 1 })
// @ts-expect-error no such encoding
extents('AAAA', { encoding: 'hex' })
// @ts-expect-error a list is no bitmap
extents(numbers)
// @ts-expect-error nor is it a chunk of one
extentsAsync((async function* () { yield exact })())
// @ts-expect-error lists of two kinds
changed.union(numbers, exact)
// @ts-expect-error it is only read
bitmap.count = 5

export async function later(signal: AbortSignal): Promise<number> {
  try {
    const list: Float64Array = await extentsAsync(createReadStream('answer'), { virtualSize: 1, mergeGap: 1, signal })
    const both: Float64Array = await unionAsync(list, numbers, { signal })
    const found = await blocksAsync(new ArrayBuffer(8), { encoding: 'raw-msb0' })
    return both.length + found.count + indexes.length + array.length + merged.length
  } catch (error) {
    if (error instanceof ChangedBlocksError && error.consequence === 'full-backup') {
      return error.offset ?? -1
    }
    throw error
  }
}
