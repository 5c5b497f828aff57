'use strict'

// From what a caller has to bytes. Calls that JavaScript waits for read memory where it is. Others get a copy of their own: no
// thread ever reads memory that JavaScript can change, transfer or resize meanwhile.

const { isAnyArrayBuffer, isBigUint64Array, isDataView, isFloat64Array, isSharedArrayBuffer } = require('node:util').types

const { argumentError } = require('./errors.js')
const { describe } = require('./options.js')
const { turns } = require('./turns.js')

/** What is taken of an input at a time, in characters or bytes: it stays in a cache. */
const PIECE = 256 * 1024
/** How many bytes are copied at once, before a call returns: it takes some milliseconds at most. */
const AT_ONCE = 4 << 20

const KINDS = 'a string, a Buffer or another array of bytes'

/** An answer, or a chunk of one, as a string or bytes where they are; nothing for all else. */
function wholeOf(input, encoding) {
  if (typeof input === 'string') {
    requireText(encoding)
    return input
  }
  if (isAnyArrayBuffer(input)) {
    return memoryOf(input)
  }
  if (!ArrayBuffer.isView(input)) {
    return undefined
  }
  if (!isDataView(input) && input.BYTES_PER_ELEMENT !== 1) {
    throw argumentError(`the items of ${describe(input)} are not bytes`, 'give a bitmap as a Buffer or another Uint8Array')
  }
  return memoryOf(input)
}

/** Refuses a string where bytes are asked for: it may have been decoded wrongly. */
function requireText(encoding = 'base64') {
  if (encoding === 'raw-msb0' || encoding === 'raw-lsb0' || encoding === 'cbtlog') {
    throw argumentError(`a bitmap of encoding ${encoding} is bytes, not a string`, 'read it as a Buffer, without an encoding')
  }
}

const { keys } = Object.getPrototypeOf(Uint8Array.prototype)

/** The bytes of an array, where they are. */
function memoryOf(input) {
  try {
    if (!ArrayBuffer.isView(input)) {
      return new Uint8Array(input, 0, input.byteLength)
    }
    if (!isDataView(input)) {
      // An array without memory says that it is empty; but this throws.
      keys.call(input)
    }
    return new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
  } catch {
    throw gone()
  }
}

function gone() {
  const hint = 'hand it over to others only after the promise has settled, or give a copy'
  return argumentError('the memory of the input is gone: it was transferred, or made smaller', hint)
}

/** Bytes that other threads cannot write to: the same ones, unless they have to be copied for that. */
function settled(bytes) {
  const { buffer } = bytes
  return isSharedArrayBuffer(buffer) || buffer.resizable ? bytes.slice() : bytes
}

/**
 * The pieces of a string, as UTF-8 (what is not ASCII is never a symbol), or of bytes, which had that length at first. Each
 * is good until the next is taken.
 */
function* piecesOf(whole, length) {
  const memory = typeof whole === 'string' ? Buffer.allocUnsafeSlow(3 * Math.min(PIECE, length)) : undefined
  for (let at = 0; at < length; at += PIECE) {
    if (memory !== undefined) {
      yield memory.subarray(0, memory.write(whole.slice(at, at + PIECE), 0, 'utf8'))
    } else if (whole.length === length) {
      yield settled(whole.subarray(at, at + PIECE))
    } else {
      throw gone()
    }
  }
}

/** A copy of a string or bytes in memory of its own, if it can be made at once. */
function copyAtOnce(whole) {
  if (typeof whole === 'string') {
    return whole.length <= PIECE ? new TextEncoder().encode(whole) : undefined
  }
  return whole.length <= AT_ONCE ? whole.slice() : undefined
}

/** Copies of bytes, each in memory of its own. They are made at once, unless there are many. */
async function copiesOf(arrays, waits) {
  if (arrays.reduce((sum, bytes) => sum + bytes.length, 0) <= AT_ONCE) {
    return arrays.map(bytes => bytes.slice())
  }
  // All lengths are taken now: an array that is transferred later has none.
  const copies = arrays.map(bytes => new Uint8Array(bytes.length))
  const turn = turns(waits)
  for (const [i, copy] of copies.entries()) {
    let at = 0
    for (const piece of piecesOf(arrays[i], copy.length)) {
      copy.set(piece, at)
      at += piece.length
      await turn()
    }
  }
  return copies
}

/** The bytes of a list, and whether its numbers are bigints. */
function listOf(list) {
  if (!isFloat64Array(list) && !isBigUint64Array(list)) {
    throw argumentError(`${describe(list)} is no list`, 'a list is a Float64Array or a BigUint64Array of offsets and lengths')
  }
  return { bytes: memoryOf(list), bigint: isBigUint64Array(list) }
}

/** Bytes as words of 64 bits. */
function wordsOf({ buffer, byteOffset, byteLength }) {
  return new BigUint64Array(buffer, byteOffset, byteLength / 8)
}

function inputError(input, kinds) {
  return argumentError(`the answer is ${describe(input)}, not ${kinds}`)
}

module.exports = { KINDS, PIECE, copiesOf, copyAtOnce, inputError, listOf, piecesOf, settled, wholeOf, wordsOf }
