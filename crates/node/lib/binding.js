'use strict'

// Which module does the work: the native one for this system, or the WebAssembly one where there is none.

const { existsSync, readFileSync } = require('node:fs')
const { join } = require('node:path')

const FOLDER = join(__dirname, '..', 'native')
/** Forces one of them: `native` or `wasm`. */
const VARIABLE = 'CHANGED_BLOCKS_BINDING'

function load() {
  const wanted = process.env[VARIABLE] || undefined
  if (wanted !== undefined && wanted !== 'native' && wanted !== 'wasm') {
    throw new Error(`${VARIABLE} is ${JSON.stringify(wanted)}, neither native nor wasm`)
  }
  const reasons = []
  for (const file of wanted === 'wasm' ? [] : nativeFiles()) {
    const path = join(FOLDER, file)
    if (!existsSync(path)) {
      reasons.push(`there is no ${path}`)
      continue
    }
    try {
      return require('./native.js').bindingOf(require(path))
    } catch (error) {
      reasons.push(error.message)
    }
  }
  if (wanted === 'native') {
    throw new Error(`no native module of changed-blocks can be loaded: ${reasons.join('; ')}`)
  }
  return require('./wasm.js').bindingOf(join(FOLDER, 'changed-blocks.wasm'))
}

/** The names under which a native module for this system may be. */
function nativeFiles() {
  const system = `${process.platform}-${process.arch}`
  return process.platform === 'linux' ? [`${system}-${libc()}.node`] : [`${system}.node`]
}

/** The C library of this process: a module for the other one would fail to load, or worse. */
function libc() {
  try {
    return readFileSync('/proc/self/maps', 'latin1').includes('/ld-musl-') ? 'musl' : 'gnu'
  } catch {
    return existsSync('/etc/alpine-release') ? 'musl' : 'gnu'
  }
}

module.exports = { binding: load() }
