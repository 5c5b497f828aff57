'use strict'

// WebAssembly, for where no native module fits: slower, on one thread, and streams and strings are held in
// memory as a whole. Work that nobody waits for is done by a thread of its own.

const { readFileSync } = require('node:fs')
const { setImmediate } = require('node:timers/promises')
const { Worker } = require('node:worker_threads')

const { abortable } = require('./abort.js')
const { errorOf } = require('./errors.js')
const { readChunks } = require('./stream.js')

/** How much is copied before others have their turn on the event loop. */
const PIECE = 1 << 20
/** The longest stream that is held in memory. */
const LONGEST = 1 << 30

/** A module that was compiled, with one instance. */
class WasmModule {
  #module
  #exports

  constructor(path) {
    this.#module = new WebAssembly.Module(readFileSync(path))
  }

  /** Runs an export on inputs, and copies what it gives. */
  call(name, operation, options, inputs) {
    this.#exports ??= new WebAssembly.Instance(this.#module, {}).exports
    const exports = this.#exports
    try {
      const head = Buffer.from(`${operation}\n${options}`)
      const full = [head, ...inputs].findIndex((input, which) => !copyIn(exports, which, input))
      if (full >= 0) {
        return { failure: outOfMemory([head, ...inputs][full].byteLength) }
      }
      const failed = exports[name]() !== 0
      const text = Buffer.from(exports.memory.buffer, exports.text() >>> 0, exports.text_bytes() >>> 0).toString()
      if (failed) {
        return { failure: text }
      }
      const words = new BigUint64Array(exports.memory.buffer, exports.words() >>> 0, exports.word_count() >>> 0)
      return { facts: text, words: words.slice() }
    } catch (error) {
      // An instance that trapped is in no state to be asked again.
      this.#exports = undefined
      return { failure: `internal\nfull-backup\n\nplease report it, and take a full backup\n${error.message}` }
    } finally {
      this.#exports?.release()
    }
  }
}

function copyIn(exports, which, input) {
  const place = exports.reserve(which, input.byteLength) >>> 0
  if (place === 0) {
    return false
  }
  const bytes = new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
  new Uint8Array(exports.memory.buffer, place, bytes.length).set(bytes)
  return true
}

function outOfMemory(bytes) {
  const message = `there is no memory for an input of ${bytes} bytes`
  return `out-of-memory\noperator\n\nis the size of the disk right? if it is, more memory is needed\n${message}`
}

/** The binding of the module at a path. */
function bindingOf(path) {
  const module = new WasmModule(path)

  /** As `call`, by a thread of its own, which gets the inputs without a copy if they are in shared memory. */
  async function later(signal, ...call) {
    signal?.throwIfAborted()
    const worker = new Worker(require.resolve('./wasm-worker.js'), { workerData: { path, call } })
    const reply = new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    return abortable(reply, signal, () => worker.terminate())
  }

  return {
    name: 'wasm',

    scan: (operation, options, bytes) => module.call('scan_reserved', operation, options, [bytes]),

    scanText: (operation, options, text) => module.call('scan_reserved', operation, options, [Buffer.from(text)]),

    indexesOf,

    combine: (operation, options, a, b) => module.call('combine_reserved', operation, options, [a, b]),

    async scanLater(operation, options, bytes, signal) {
      return later(signal, 'scan_reserved', operation, options, [await shared([bytes], bytes.length, signal)])
    },

    async combineLater(operation, options, a, b, signal) {
      const inputs = []
      for (const { buffer, byteOffset, byteLength } of [a, b]) {
        const memory = await shared([new Uint8Array(buffer, byteOffset, byteLength)], byteLength, signal)
        inputs.push(new BigUint64Array(memory.buffer))
      }
      return later(signal, 'combine_reserved', operation, options, inputs)
    },

    async scanStream(operation, options, stream, signal) {
      const chunks = []
      let bytes = 0
      await readChunks(stream, signal, undefined, chunk => {
        chunks.push(chunk.slice())
        bytes += chunk.length
        if (bytes > LONGEST) {
          throw errorOf(outOfMemory(bytes))
        }
      })
      return later(signal, 'scan_reserved', operation, options, [await shared(chunks, bytes, signal)])
    },
  }
}

/** The numbers of the changed blocks of a bitmap. */
function indexesOf(words, count) {
  const indexes = new Uint32Array(count)
  let filled = 0
  words.forEach((word, place) => {
    for (let rest = word; rest !== 0; rest &= rest - 1) {
      indexes[filled++] = place * 32 + 31 - Math.clz32(rest & -rest)
    }
  })
  return indexes
}

/** The chunks one after the other in shared memory. */
async function shared(chunks, bytes, signal) {
  const memory = new Uint8Array(new SharedArrayBuffer(bytes))
  let at = 0
  for (const chunk of chunks) {
    for (let from = 0; from < chunk.length; from += PIECE) {
      const piece = chunk.subarray(from, from + PIECE)
      memory.set(piece, at)
      at += piece.length
      await setImmediate()
      signal?.throwIfAborted()
    }
  }
  return memory
}

module.exports = { WasmModule, bindingOf }
