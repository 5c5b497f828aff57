'use strict'

// Options as the module takes them: `name=value`, one a line. The module judges the values; here is judged only what a text
// could not tell: whether a number of bytes is exact, and whether a name is one at all, since a misspelled virtualSize would
// be a check that is not made.

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
  return typeof value === 'number' && value > Number.MAX_SAFE_INTEGER ? 'give numbers beyond 2^53 as bigint' : undefined
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

function describe(value) {
  return typeof value === 'string' ? JSON.stringify(value) : typeof value === 'bigint' ? `${value}n` : String(value)
}

/** Every option: its name for the module, and how its value is written. */
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

const INPUT = ['encoding', 'blockSize', 'virtualSize', 'allowInconsistent']
const EXTENTS = [...INPUT, 'mergeGap', 'align', 'atMost', 'split', 'bigint']
const BLOCKS = [...INPUT, 'at']

/** The options as lines; those that are not `allowed` are refused. */
function optionLines(options, allowed) {
  if (options === null || typeof options !== 'object') {
    throw argumentError(`the options are ${describe(options)}, not an object`)
  }
  const lines = []
  for (const [name, value] of Object.entries(options)) {
    if (!allowed.includes(name)) {
      throw argumentError(`${JSON.stringify(name)} is no option here; known are: ${allowed.join(', ')}`)
    }
    if (value === undefined && name === 'virtualSize') {
      // A size that was not found would be a check that is not made.
      throw argumentError('virtualSize is undefined', 'give the size of the disk; only if it is not known, leave it out')
    }
    if (value !== undefined && name !== 'signal') {
      const [line, write] = OPTIONS[name]
      lines.push(`${line}=${write(name, value)}`)
    }
  }
  return lines.join('\n')
}

/** The signal among the options, judged. */
function signalOf({ signal }) {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw argumentError(`signal is ${describe(signal)}, not an AbortSignal`)
  }
  return signal
}

module.exports = { BLOCKS, EXTENTS, describe, optionLines, signalOf }
