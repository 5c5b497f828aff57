'use strict'

// One call of the WebAssembly module, in a thread of its own.

const { parentPort, workerData } = require('node:worker_threads')

const { WasmModule } = require('./wasm.js')

const { module: compiled, call } = workerData
const reply = new WasmModule(compiled).call(...call)
parentPort.postMessage(reply, reply.words === undefined ? [] : [reply.words.buffer])
