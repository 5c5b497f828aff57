'use strict'

// Options as the module takes them: `name=value`, one a line. The module judges the values; here is judged only what a text
// could not tell: whether a number of bytes is exact, and whether a name is one at all, since a misspelled virtualSize would
// be a check that is not made.
//
// Invariant: every option that a caller gave is read once, before the call returns, or refused.

const { inspect } = require('node:util')

const { argumentError } = require('./errors.js')

const MAX_U64 = 2n ** 64n - 1n

/** A number of bytes, or of ranges: a whole number, a bigint, or a string of digits, as some clients give sizes. */
function wholeNumber(name, value) {
  const good =
    typeof value === 'bigint'
      ? value >= 0n && value <= MAX_U64
      : typeof value === 'string'
        ? /^[0-9]+$/.test(value)
        : Number.isSafeInteger(value) && value >= 0
  if (!good) {
    throw argumentError(`${name} is ${describe(value)}, not a whole number from 0 on`, numberHint(value))
  }
  return String(value)
}

function numberHint(value) {
  return typeof value === 'number' && value >= 2 ** 53 ? 'give numbers from 2^53 on as bigint' : undefined
}

function flag(name, value) {
  if (typeof value !== 'boolean') {
    throw argumentError(`${name} is ${describe(value)}, neither true nor false`)
  }
  return String(value)
}

function text(name, value) {
  if (typeof value !== 'string' || /[\r\n]/.test(value)) {
    throw argumentError(`${name} is ${describe(value)}, not a name`)
  }
  return value
}

/** A value in a message. */
function describe(value) {
  const short = { breakLength: Infinity, customInspect: false, depth: 0, maxArrayLength: 3, maxStringLength: 60 }
  return inspect(value, short).slice(0, 100)
}

/** Every option that the module takes: its name there, and how its value is written. */
const OPTIONS = {
  encoding: ['encoding', text],
  blockSize: ['block_size', wholeNumber],
  virtualSize: ['virtual_size', wholeNumber],
  allowInconsistent: ['allow_inconsistent', flag],
  at: ['at', wholeNumber],
  mergeGap: ['merge_gap', wholeNumber],
  align: ['align', wholeNumber],
  atMost: ['at_most', wholeNumber],
  split: ['split', wholeNumber],
  bigint: ['bigint', flag],
}
const NAMES = [...Object.keys(OPTIONS), 'signal']

const INPUT = ['encoding', 'blockSize', 'virtualSize', 'allowInconsistent']
const EXTENTS = [...INPUT, 'mergeGap', 'align', 'atMost', 'split', 'bigint']
const BLOCKS = [...INPUT, 'at']

/**
 * The options of a call: as lines, and those that are needed here. Only `allowed` ones may be given; `fixed` ones come from
 * elsewhere.
 */
function readOptions(options, allowed, fixed = {}) {
  const values = { ...valuesOf(options, allowed), ...fixed }
  const { bigint = false, encoding, signal } = values
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw argumentError(`signal is ${describe(signal)}, not an AbortSignal`)
  }
  const given = Object.entries(values).filter(([name, value]) => value !== undefined && name !== 'signal')
  const lines = given.map(([name, value]) => {
    const [line, write] = OPTIONS[name]
    return `${line}=${write(name, value)}`
  })
  return { lines: lines.join('\n'), bigint, encoding, signal }
}

/** The values of the options, read once. */
function valuesOf(options, allowed) {
  if (options === null || typeof options !== 'object') {
    throw argumentError(`the options are ${describe(options)}, not an object`)
  }
  const prototype = Object.getPrototypeOf(options)
  // An option that a prototype has would be missed. Of plain objects it has nothing, and none of its own, in any realm.
  if (prototype !== null && (Object.getPrototypeOf(prototype) !== null || NAMES.some(name => name in prototype))) {
    throw argumentError(`the options are ${describe(options)}, not a plain object`, 'write them as { virtualSize: … }')
  }
  const values = {}
  for (const name of Object.getOwnPropertyNames(options)) {
    if (!allowed.includes(name)) {
      const known = allowed.length === 0 ? 'there are none' : `known are: ${allowed.join(', ')}`
      throw argumentError(`${describe(name)} is no option here; ${known}`)
    }
    values[name] = options[name]
    if (values[name] === undefined && name === 'virtualSize') {
      // A size that was not found would be a check that is not made.
      throw argumentError('virtualSize is undefined', 'give the size of the disk; only if it is not known, leave it out')
    }
  }
  return values
}

module.exports = { BLOCKS, EXTENTS, describe, readOptions }
