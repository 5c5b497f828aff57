'use strict'

// The calls of the package: what `index.d.ts` says of each is not said again here.

const { binding: engine } = require('./lib/binding.js')
const { Blocks } = require('./lib/blocks.js')
const { ChangedBlocksError, argumentError, errorOf } = require('./lib/errors.js')
const { PIECE, bytesOf, inputError, listOf, piecesOf, requireText } = require('./lib/input.js')
const { BLOCKS, EXTENTS, optionLines, signalOf } = require('./lib/options.js')
const { isStream } = require('./lib/stream.js')
const { setImmediate } = require('node:timers/promises')

const binding = engine.name

function extents(answer, options = {}) {
  const lines = optionLines(options, EXTENTS)
  return numbersOf(scan('extents', lines, answer, options), options.bigint === true)
}

function blocks(answer, options = {}) {
  const lines = optionLines(options, BLOCKS)
  return blocksOf(scan('blocks', lines, answer, options))
}

async function extentsAsync(answer, options = {}) {
  const lines = optionLines(options, [...EXTENTS, 'signal'])
  return numbersOf(await scanLater('extents', lines, answer, options), options.bigint === true)
}

async function blocksAsync(answer, options = {}) {
  const lines = optionLines(options, [...BLOCKS, 'signal'])
  return blocksOf(await scanLater('blocks', lines, answer, options))
}

function scan(operation, lines, answer, { encoding }) {
  if (typeof answer === 'string') {
    requireText(encoding)
    return engine.scanText(operation, lines, answer)
  }
  const bytes = bytesOf(answer)
  if (bytes === undefined) {
    const asynchronous = `${operation}Async`
    throw isStream(answer)
      ? argumentError('the answer is a stream', `streams are for ${asynchronous}`)
      : inputError(answer, 'a string, a Buffer or another array of bytes')
  }
  return engine.scan(operation, lines, bytes)
}

async function scanLater(operation, lines, answer, options) {
  const signal = signalOf(options)
  // Calls that go on beside each other share the processors as they are: one thread for each.
  lines = lines === '' ? 'parallel=false' : `${lines}\nparallel=false`
  if (typeof answer === 'string') {
    requireText(options.encoding)
    return answer.length <= PIECE
      ? engine.scanLater(operation, lines, Buffer.from(answer), signal)
      : engine.scanStream(operation, lines, inTurns(piecesOf(answer)), signal)
  }
  const bytes = bytesOf(answer)
  if (bytes === undefined) {
    if (!isStream(answer)) {
      throw inputError(answer, 'a string, a Buffer or another array of bytes, or a stream')
    }
    return engine.scanStream(operation, lines, answer, signal)
  }
  const { byteLength } = bytes
  const reply = await engine.scanLater(operation, lines, bytes, signal)
  if (bytes.byteLength !== byteLength) {
    throw argumentError('the answer was transferred to another thread while it was read', 'keep it until the promise settles')
  }
  return reply
}

/** Lets others have their turn on the event loop before each piece. */
async function* inTurns(pieces) {
  for (const piece of pieces) {
    yield piece
    await setImmediate()
  }
}

function numbersOf(reply, bigint) {
  const words = wordsOf(reply)
  return bigint ? words : new Float64Array(words.buffer, words.byteOffset, words.length)
}

function blocksOf(reply) {
  const words = wordsOf(reply)
  return new Blocks(new Uint32Array(words.buffer, words.byteOffset, 2 * words.length), reply.facts, engine.indexesOf)
}

function wordsOf(reply) {
  if (reply.failure != null) {
    throw errorOf(reply.failure)
  }
  return reply.words
}

/** A call on a list, and the same call by the thread pool. */
function onList(optionsOf) {
  const prepare = (list, args) => {
    const { words, bigint } = listOf(list)
    const options = optionsOf(...args)
    return { words, bigint, lines: optionLines({ ...options, bigint }, ['bigint', 'virtualSize', ...SHAPES]) }
  }
  const none = new BigUint64Array(0)
  return [
    (list, ...args) => {
      const { words, bigint, lines } = prepare(list, args)
      return numbersOf(engine.combine('shape', lines, words, none), bigint)
    },
    async (list, ...args) => {
      const { words, bigint, lines } = prepare(list, args)
      return numbersOf(await engine.combineLater('shape', lines, words, none, signalOf(args[1] ?? {})), bigint)
    },
  ]
}

const SHAPES = ['mergeGap', 'align', 'atMost', 'split']

function required(name, value) {
  if (value === undefined) {
    throw argumentError(`${name} is missing`)
  }
  return value
}

const [merge, mergeAsync] = onList(mergeGap => ({ mergeGap: required('the longest gap', mergeGap) }))
const [budget, budgetAsync] = onList(atMost => ({ atMost: required('the number of ranges', atMost) }))
const [split, splitAsync] = onList(length => ({ split: required('the longest length', length) }))
const [align, alignAsync] = onList((size, { signal, ...options } = {}) => ({
  ...options,
  align: required('the size to align to', size),
}))

/** A set operation on two lists, and the same by the thread pool. */
function onLists(operation) {
  const prepare = (a, b) => {
    const lists = [listOf(a), listOf(b)]
    const [{ bigint }] = lists
    if (bigint !== lists[1].bigint) {
      throw argumentError('one list is a Float64Array and the other a BigUint64Array')
    }
    return { words: lists.map(list => list.words), bigint, lines: `bigint=${bigint}` }
  }
  return [
    (a, b) => {
      const { words, bigint, lines } = prepare(a, b)
      return numbersOf(engine.combine(operation, lines, ...words), bigint)
    },
    async (a, b, options = {}) => {
      const { words, bigint, lines } = prepare(a, b)
      return numbersOf(await engine.combineLater(operation, lines, ...words, signalOf(options)), bigint)
    },
  ]
}

const [union, unionAsync] = onLists('union')
const [intersection, intersectionAsync] = onLists('intersection')
const [difference, differenceAsync] = onLists('difference')
const [symmetricDifference, symmetricDifferenceAsync] = onLists('symmetric-difference')

module.exports = {
  Blocks,
  ChangedBlocksError,
  align,
  alignAsync,
  binding,
  blocks,
  blocksAsync,
  budget,
  budgetAsync,
  difference,
  differenceAsync,
  extents,
  extentsAsync,
  intersection,
  intersectionAsync,
  merge,
  mergeAsync,
  split,
  splitAsync,
  symmetricDifference,
  symmetricDifferenceAsync,
  union,
  unionAsync,
}
