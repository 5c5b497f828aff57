'use strict'

// WebAssembly, for where no native module fits: slower, on one thread, and streams and strings are held in
// memory as a whole. Work that nobody waits for is done by a thread of its own.

const { readFileSync } = require('node:fs')
const { Worker } = require('node:worker_threads')

const { errorOf } = require('./errors.js')
const { readChunks } = require('./stream.js')

/** The memory in which a stream is held, a block at a time. */
const BLOCK = 1 << 20
/** The longest stream that is held in memory. */
const LONGEST = 1 << 30

/** A module that was compiled, with one instance. */
class WasmModule {
  #compiled
  #exports

  constructor(compiled) {
    this.#compiled = compiled
  }

  version() {
    return this.#run(exports => {
      exports.version()
      return textOf(exports)
    })
  }

  /** Runs an export on inputs, each of which is a list of arrays of bytes, and copies what it gives. */
  call(name, operation, options, inputs) {
    try {
      return this.#run(exports => {
        const head = [Buffer.from(`${operation}\n${options}`)]
        const full = [head, ...inputs].findIndex((input, which) => !copyIn(exports, which, input))
        if (full >= 0) {
          return { failure: outOfMemory(lengthOf([head, ...inputs][full])) }
        }
        const failed = exports[name]() !== 0
        const text = textOf(exports)
        if (failed) {
          return { failure: text }
        }
        const words = new BigUint64Array(exports.memory.buffer, exports.words() >>> 0, exports.word_count() >>> 0)
        return { facts: text, words: words.slice() }
      })
    } catch (error) {
      return { failure: internal(error.message) }
    }
  }

  #run(work) {
    this.#exports ??= new WebAssembly.Instance(this.#compiled, {}).exports
    try {
      return work(this.#exports)
    } catch (error) {
      // An instance that trapped is in no state to be asked again.
      this.#exports = undefined
      throw error
    } finally {
      this.#exports?.release()
    }
  }
}

function textOf(exports) {
  return Buffer.from(exports.memory.buffer, exports.text() >>> 0, exports.text_bytes() >>> 0).toString()
}

function lengthOf(arrays) {
  return arrays.reduce((sum, bytes) => sum + bytes.byteLength, 0)
}

function copyIn(exports, which, arrays) {
  let place = exports.reserve(which, lengthOf(arrays)) >>> 0
  if (place === 0) {
    return false
  }
  for (const { buffer, byteOffset, byteLength } of arrays) {
    new Uint8Array(exports.memory.buffer, place, byteLength).set(new Uint8Array(buffer, byteOffset, byteLength))
    place += byteLength
  }
  return true
}

function outOfMemory(bytes) {
  const message = `there is no memory for an input of ${bytes} bytes`
  return `out-of-memory\noperator\n\nis the size of the disk right? if it is, more memory is needed\n${message}`
}

function internal(message) {
  return `internal\nfull-backup\n\nplease report it, and take a full backup\n${message}`
}

/** Pieces one after the other, copied to blocks of memory that another thread can be given. */
class Pile {
  #blocks = []
  #room = 0
  bytes = 0

  add(piece) {
    this.bytes += piece.length
    while (piece.length > 0) {
      if (this.#room === 0) {
        this.#blocks.push(new Uint8Array(BLOCK))
        this.#room = BLOCK
      }
      const part = piece.subarray(0, this.#room)
      this.#blocks.at(-1).set(part, BLOCK - this.#room)
      this.#room -= part.length
      piece = piece.subarray(part.length)
    }
  }

  /** The arrays that have the pieces. */
  arrays() {
    return this.#blocks.map((block, i, { length }) => (i === length - 1 ? block.subarray(0, BLOCK - this.#room) : block))
  }
}

/** The binding of the module at a path. */
function bindingOf(path) {
  const compiled = new WebAssembly.Module(readFileSync(path))
  const module = new WasmModule(compiled)

  /** As `call`, by a thread of its own. It is given the memory of the inputs, which is nobody else's. */
  async function later(waits, ...call) {
    let worker
    try {
      return await waits.for(
        new Promise((resolve, reject) => {
          const transferList = call.at(-1).flat().map(bytes => bytes.buffer)
          worker = new Worker(require.resolve('./wasm-worker.js'), { workerData: { module: compiled, call }, transferList })
          worker.once('message', resolve)
          worker.once('error', error => reject(errorOf(failureOfThread(error))))
          worker.once('exit', code => reject(errorOf(internal(`the thread ended with code ${code}`))))
        })
      )
    } finally {
      worker?.terminate()
    }
  }

  return {
    name: 'wasm',
    version: module.version(),

    scan: (operation, options, bytes) => module.call('scan_reserved', operation, options, [[bytes]]),

    scanText: (operation, options, text) => module.call('scan_reserved', operation, options, [[Buffer.from(text)]]),

    indexesOf,

    combine: (operation, options, a, b) => module.call('combine_reserved', operation, options, [[a], [b]]),

    scanLater: (operation, options, bytes, waits) => later(waits, 'scan_reserved', operation, options, [[bytes]]),

    combineLater: (operation, options, a, b, waits) =>
      later(waits, 'combine_reserved', operation, options, [[a], [b]]),

    async scanStream(operation, options, stream, encoding, waits) {
      const pile = new Pile()
      await readChunks(stream, encoding, waits, piece => {
        if (pile.bytes + piece.length > LONGEST) {
          throw errorOf(outOfMemory(pile.bytes + piece.length))
        }
        pile.add(piece)
      })
      return later(waits, 'scan_reserved', operation, options, [pile.arrays()])
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

function failureOfThread(error) {
  return error.code === 'ERR_WORKER_OUT_OF_MEMORY'
    ? `out-of-memory\noperator\n\nmore memory is needed\n${error.message}`
    : internal(error.message)
}

module.exports = { WasmModule, bindingOf }
