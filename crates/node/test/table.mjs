// The table of tests that all languages read: tests/data/borders.tsv. Its README says how it is written.

import { readFileSync } from 'node:fs'

const data = new URL('../../../tests/data/', import.meta.url)

/** The rows of the table. */
export function readTable() {
  const lines = readFileSync(new URL('borders.tsv', data), 'utf8').split('\n')
  return lines.filter(line => line !== '' && !line.startsWith('#')).map(row)
}

function row(line) {
  const [name, encoding, blockSize, virtualSize, input, outcome] = line.split('\t')
  const options = { encoding, blockSize: Number(blockSize) }
  if (virtualSize !== '-') {
    options.virtualSize = BigInt(virtualSize)
  }
  const [kind, ...words] = outcome.split(' ')
  return { name, options, input: bytes(input), kind, words }
}

function bytes(input) {
  const at = input.indexOf(' ')
  const [kind, rest] = at < 0 ? [input, ''] : [input.slice(0, at), input.slice(at + 1)]
  switch (kind) {
    case 'file':
      return readFileSync(new URL(rest, data))
    case 'text':
      return Buffer.from(rest)
    case 'hex':
      return Buffer.from(rest, 'hex')
    case 'repeat': {
      const [count, text, tail = ''] = rest.split(' ')
      return Buffer.from(text.repeat(Number(count)) + tail)
    }
    default:
      throw new Error(`${input}: there is no such kind of input`)
  }
}
