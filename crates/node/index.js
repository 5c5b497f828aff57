'use strict'

// The calls of the package: what `index.d.ts` says of each is not said again here.

const { untilAborted } = require('./lib/abort.js')
const { binding: engine } = require('./lib/binding.js')
const { Blocks } = require('./lib/blocks.js')
const { ChangedBlocksError, argumentError, errorOf } = require('./lib/errors.js')
const { KINDS, copiesOf, copyAtOnce, inputError, listOf, settled, wholeOf, wordsOf } = require('./lib/input.js')
const { BLOCKS, EXTENTS, readOptions } = require('./lib/options.js')
const { isStream, leave } = require('./lib/stream.js')

const binding = engine.name

function extents(answer, options = {}) {
  const request = readOptions(options, EXTENTS)
  return numbersOf(scan('extents', answer, request), request.bigint)
}

function blocks(answer, options = {}) {
  return blocksOf(scan('blocks', answer, readOptions(options, BLOCKS)))
}

async function extentsAsync(answer, options = {}) {
  const { reply, bigint } = await scanLater('extents', answer, options, EXTENTS)
  return numbersOf(reply, bigint)
}

async function blocksAsync(answer, options = {}) {
  const { reply } = await scanLater('blocks', answer, options, BLOCKS)
  return blocksOf(reply)
}

function scan(operation, answer, { lines, encoding }) {
  const whole = wholeOf(answer, encoding)
  if (typeof whole === 'string') {
    return engine.scanText(operation, lines, whole)
  }
  if (whole === undefined) {
    const asynchronous = `${operation}Async`
    throw isStream(answer)
      ? argumentError('the answer is a stream', `streams are for ${asynchronous}`)
      : inputError(answer, KINDS)
  }
  return engine.scan(operation, lines, settled(whole))
}

async function scanLater(operation, answer, options, allowed) {
  try {
    const request = readOptions(options, [...allowed, 'signal'])
    const reply = await untilAborted(request.signal, waits => startScan(operation, answer, request, waits))
    return { reply, bigint: request.bigint }
  } catch (error) {
    if (isStream(answer)) {
      leave(answer)
    }
    throw error
  }
}

function startScan(operation, answer, { lines, encoding }, waits) {
  // Calls that go on beside each other share the processors as they are: one thread for each.
  lines = lines === '' ? 'parallel=false' : `${lines}\nparallel=false`
  const whole = wholeOf(answer, encoding)
  if (whole === undefined && !isStream(answer)) {
    throw inputError(answer, `${KINDS}, or a stream`)
  }
  const bytes = whole === undefined ? undefined : copyAtOnce(whole)
  return bytes === undefined
    ? engine.scanStream(operation, lines, whole === undefined ? answer : streamOf(whole), encoding, waits)
    : engine.scanLater(operation, lines, bytes, waits)
}

async function* streamOf(whole) {
  yield whole
}

function numbersOf(reply, bigint) {
  const words = resultOf(reply)
  return bigint ? words : new Float64Array(words.buffer, words.byteOffset, words.length)
}

function blocksOf(reply) {
  const words = resultOf(reply)
  return new Blocks(new Uint32Array(words.buffer, words.byteOffset, 2 * words.length), reply.facts, engine.indexesOf)
}

function resultOf(reply) {
  if (reply.failure != null) {
    throw errorOf(reply.failure)
  }
  return reply.words
}

/** A call on lists, and its asynchronous form. `prepare` has the operation, the lists and the request of its arguments. */
function onLists(prepare) {
  return [
    (...args) => {
      const { operation, lists, request } = prepare(args, [])
      const [a, b = new Uint8Array(0)] = lists.map(settled)
      return numbersOf(engine.combine(operation, request.lines, wordsOf(a), wordsOf(b)), request.bigint)
    },
    async (...args) => {
      const { operation, lists, request } = prepare(args, ['signal'])
      const reply = await untilAborted(request.signal, async waits => {
        const [a, b = new Uint8Array(0)] = await copiesOf(lists, waits)
        return engine.combineLater(operation, request.lines, wordsOf(a), wordsOf(b), waits)
      })
      return numbersOf(reply, request.bigint)
    },
  ]
}

/** A shape of a list, by a number that is an option of `extents`. */
function shape(name, meaning, options = []) {
  return onLists((args, more) => {
    const [list, value, given = {}, ...surplus] = args
    if (value === undefined || surplus.length > 0) {
      throw argumentError(value === undefined ? `${meaning} is missing` : 'there are more arguments than are known')
    }
    const { bytes, bigint } = listOf(list)
    return { operation: 'shape', lists: [bytes], request: readOptions(given, [...options, ...more], { [name]: value, bigint }) }
  })
}

const [merge, mergeAsync] = shape('mergeGap', 'the longest gap')
const [align, alignAsync] = shape('align', 'the size to align to', ['virtualSize'])
const [budget, budgetAsync] = shape('atMost', 'the number of ranges')
const [split, splitAsync] = shape('split', 'the longest length')

/** A set operation on two lists. */
function set(operation) {
  return onLists(([first, second, given = {}], more) => {
    const [a, b] = [listOf(first), listOf(second)]
    if (a.bigint !== b.bigint) {
      throw argumentError('one list is a Float64Array and the other a BigUint64Array')
    }
    // Where it takes no options, a third argument may be an index: that is what `reduce` gives.
    const options = more.length === 0 ? {} : given
    return { operation, lists: [a.bytes, b.bytes], request: readOptions(options, more, { bigint: a.bigint }) }
  })
}

const [union, unionAsync] = set('union')
const [intersection, intersectionAsync] = set('intersection')
const [difference, differenceAsync] = set('difference')
const [symmetricDifference, symmetricDifferenceAsync] = set('symmetric-difference')

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
