'use strict'

const { argumentError } = require('./errors.js')
const { describe } = require('./options.js')

/** The changed blocks of a disk, as a bitmap. */
class Blocks {
  /** As many words of 32 bits as are needed, and more zeros: block 0 in the lowest bit of the first. */
  #words
  #indexesOf

  constructor(words, facts, indexesOf) {
    const [length, count, blockSize, virtualSize] = facts.split(' ')
    this.#words = words
    this.#indexesOf = indexesOf
    this.length = number(length)
    this.count = number(count)
    this.blockSize = number(blockSize)
    this.virtualSize = virtualSize === '-' ? undefined : number(virtualSize)
    Object.freeze(this)
  }

  get any() {
    return this.count > 0
  }

  has(index) {
    if (!Number.isInteger(index) || index < 0 || index >= this.length) {
      const hint = typeof index === 'bigint' ? 'give the index as a number' : undefined
      throw argumentError(`${describe(index)} is no block of a disk of ${this.length} blocks`, hint)
    }
    return ((this.#words[Math.floor(index / 32)] >>> (index % 32)) & 1) === 1
  }

  *[Symbol.iterator]() {
    const words = this.#words
    for (let place = 0; place < words.length; place++) {
      let word = words[place]
      while (word !== 0) {
        yield place * 32 + lowestBit(word)
        word &= word - 1
      }
    }
  }

  toUint32Array() {
    if (this.length > 2 ** 32) {
      throw argumentError(`numbers of ${this.length} blocks do not fit into 32 bits`, 'iterate over them')
    }
    return this.#indexesOf(this.#words, this.count)
  }
}

function lowestBit(word) {
  return 31 - Math.clz32(word & -word)
}

/** As a number if it is exact, else as a bigint. */
function number(digits) {
  const value = Number(digits)
  return Number.isSafeInteger(value) ? value : BigInt(digits)
}

module.exports = { Blocks }
