// The calls of this package beside the library's own, from text in memory to numbers; medians of rounds that alternate.
//
//     cargo build --release --example make_bitmap && cargo build --profile dist -p changed-blocks-node --example rust_call
//     target/release/examples/make_bitmap 1%-runs-of-4 16381 > largest.b64
//     node --expose-gc crates/node/bench/versus.mjs target/dist/examples/rust_call largest.b64 17588964818944

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const TURNS = 5
const ROUNDS = 5

const calls = {
  'a Buffer to a Float64Array': ({ extents }, { bytes, virtualSize }) => extents(bytes, { virtualSize }),
  'a Buffer to a BigUint64Array': ({ extents }, { bytes, virtualSize }) => extents(bytes, { virtualSize, bigint: true }),
  'a string to a Float64Array': ({ extents }, { text, virtualSize }) => extents(text, { virtualSize }),
  'a Buffer to a Float64Array, async': ({ extentsAsync }, { bytes, virtualSize }) => extentsAsync(bytes, { virtualSize }),
  'a string to a Float64Array, async': ({ extentsAsync }, { text, virtualSize }) => extentsAsync(text, { virtualSize }),
}

const median = times => times.sort((a, b) => a - b)[times.length >> 1]

/** In a process of its own: the times of some rounds. */
async function measure(name, file, virtualSize) {
  const api = await import('../index.js')
  const bytes = readFileSync(file)
  const input = { bytes, text: bytes.toString('latin1'), virtualSize }
  for (let round = 0; round < ROUNDS; round++) {
    gc()
    const start = performance.now()
    const list = await calls[name](api, input)
    console.log(`${performance.now() - start} ${list.length / 2}`)
  }
}

function linesOf(program, args) {
  return execFileSync(program, args, { encoding: 'utf8' }).trim().split('\n').map(line => line.split(' ').map(Number))
}

const [program, file, virtualSize, name] = process.argv.slice(2)
if (name !== undefined) {
  await measure(name, file, virtualSize)
} else {
  const times = new Map([['the library, to a list of ranges', []], ...Object.keys(calls).map(call => [call, []])])
  const lengths = new Set()
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [call, list] of times) {
      const lines = calls[call]
        ? linesOf(process.execPath, ['--expose-gc', fileURLToPath(import.meta.url), program, file, virtualSize, call])
        : linesOf(program, ['extents', file, virtualSize, String(ROUNDS)])
      list.push(...lines.map(([ms]) => ms))
      lines.forEach(([, length]) => lengths.add(length))
    }
  }
  if (lengths.size !== 1) {
    throw new Error(`lists of ${[...lengths]} ranges`)
  }
  const [own] = [...times.values()].map(list => median(list))
  console.log(`${[...lengths][0]} ranges; milliseconds, and how many times as fast as the library`)
  for (const [call, list] of times) {
    const ms = median(list)
    console.log(`${ms.toFixed(1).padStart(9)} ${(own / ms).toFixed(2).padStart(6)}  ${call}`)
  }
}
