// A disk for Xen Orchestra's packages (@xen-orchestra/disk-transform) whose blocks are those that changed.
//
// To the call's answer it adds what a backup needs to trust it: an answer that was cut short, is empty or is another disk's
// is an error in `init`, where a full backup can still be taken instead.

import { RandomAccessDisk } from '@xen-orchestra/disk-transform'
import { blocksAsync } from 'changed-blocks'

const BLOCK_SIZE = 2 * 1024 * 1024

export class ChangedBlocksDisk extends RandomAccessDisk {
  #blocks
  #listChangedBlocks
  #read
  #virtualSize

  /**
   * @param {object} disk
   * @param {number} disk.virtualSize of the disk, in bytes
   * @param {() => Promise<string>} disk.listChangedBlocks asks for the answer of VDI.list_changed_blocks, as it is sent:
   *   xapi.callAsync('VDI.list_changed_blocks', baseRef, ref). That of xapi.VDI_listChangedBlock was decoded leniently.
   * @param {(offset: number, length: number) => Promise<Buffer>} disk.read reads from the disk, over NBD for example
   */
  constructor({ virtualSize, listChangedBlocks, read }) {
    super()
    this.#virtualSize = virtualSize
    this.#listChangedBlocks = listChangedBlocks
    this.#read = read
  }

  async init() {
    const answer = await this.#listChangedBlocks()
    if (typeof answer !== 'string') {
      throw new TypeError('the answer of VDI.list_changed_blocks is to be given as the string that was sent')
    }
    this.#blocks = await blocksAsync(answer, { virtualSize: this.#virtualSize, at: BLOCK_SIZE })
  }

  getVirtualSize() {
    return this.#virtualSize
  }

  getBlockSize() {
    return BLOCK_SIZE
  }

  getBlockIndexes() {
    return Array.from(this.#blocks.toUint32Array())
  }

  getBlockIndexesCount() {
    return this.#blocks.count
  }

  hasBlock(index) {
    return this.#blocks.has(index)
  }

  isDifferencing() {
    return true
  }

  async readBlock(index) {
    const offset = index * BLOCK_SIZE
    const data = await this.#read(offset, Math.min(BLOCK_SIZE, this.#virtualSize - offset))
    return { index, data }
  }

  async close() {}
}
