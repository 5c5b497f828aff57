'use strict'

// From what a caller has to bytes. Nothing is copied that does not have to be: strings are taken in pieces, so that neither
// memory for a second answer is needed, nor the event loop held while it is filled.

const { isAnyArrayBuffer, isSharedArrayBuffer } = require('node:util').types

const { argumentError } = require('./errors.js')
const { describe } = require('./options.js')

/** Characters of a string that are taken at a time: their bytes stay in a cache. */
const PIECE = 256 * 1024

/** The bytes of a Buffer, typed array, DataView or ArrayBuffer; nothing for all else. */
function bytesOf(input) {
  if (isAnyArrayBuffer(input)) {
    return settled(new Uint8Array(input))
  }
  if (ArrayBuffer.isView(input)) {
    return settled(new Uint8Array(input.buffer, input.byteOffset, input.byteLength))
  }
  return undefined
}

/** Bytes that cannot be moved or written to by other threads: the same ones, unless they have to be copied for that. */
function settled(view) {
  const { buffer } = view
  return isSharedArrayBuffer(buffer) || buffer.resizable ? view.slice() : view
}

/** The pieces of a text, as UTF-8, each in the memory of the one before: what is not ASCII is never a symbol. */
function* piecesOf(text) {
  const memory = Buffer.allocUnsafeSlow(3 * Math.min(PIECE, text.length))
  for (let at = 0; at < text.length; at += PIECE) {
    yield memory.subarray(0, memory.write(text.slice(at, at + PIECE), 0, 'utf8'))
  }
}

/** The numbers of a list, as they are in memory; and whether they are bigints. */
function listOf(list) {
  if (!(list instanceof Float64Array || list instanceof BigUint64Array)) {
    throw argumentError('a list is a Float64Array or a BigUint64Array of offsets and lengths')
  }
  const still = settled(list)
  const words = new BigUint64Array(still.buffer, still.byteOffset, still.length)
  return { words, bigint: list instanceof BigUint64Array }
}

/** Refuses a string where bytes are asked for: it may have been decoded wrongly. */
function requireText(encoding = 'base64') {
  if (encoding === 'raw-msb0' || encoding === 'raw-lsb0' || encoding === 'cbtlog') {
    throw argumentError(`a bitmap of encoding ${encoding} is bytes, not a string`, 'read it as a Buffer')
  }
}

function inputError(input, kinds) {
  return argumentError(`the answer is ${describe(input).slice(0, 100)}, not ${kinds}`)
}

module.exports = { PIECE, bytesOf, inputError, listOf, piecesOf, requireText }
