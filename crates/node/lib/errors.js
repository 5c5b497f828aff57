'use strict'

/** An error of a bitmap, or of a call that makes no sense. */
class ChangedBlocksError extends Error {
  constructor(message, { code, consequence, offset, hint }) {
    super(message)
    this.code = code
    this.consequence = consequence
    if (offset !== undefined) {
      this.offset = offset
    }
    if (hint !== undefined) {
      this.hint = hint
    }
  }
}
Object.defineProperty(ChangedBlocksError.prototype, 'name', { value: 'ChangedBlocksError' })

/** The error of a failure: kind, consequence, offset, hint and message, a line each. */
function errorOf(failure) {
  const [code, consequence, offset, hint, ...message] = failure.split('\n')
  return new ChangedBlocksError(message.join('\n'), {
    code,
    consequence,
    offset: offset === '' ? undefined : Number(offset),
    hint: hint === '' ? undefined : hint,
  })
}

/** The error of an argument that makes no sense. */
function argumentError(message, hint) {
  return new ChangedBlocksError(message, { code: 'invalid-argument', consequence: 'wrong-usage', hint })
}

module.exports = { ChangedBlocksError, argumentError, errorOf }
