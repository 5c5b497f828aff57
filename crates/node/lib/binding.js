'use strict'

// Which module does the work: the native one for this system, or the WebAssembly one where there is none.

const { existsSync, readFileSync } = require('node:fs')
const { join } = require('node:path')

const { version } = require('../package.json')

const FOLDER = join(__dirname, '..', 'native')
/** Forces one of them: `native` or `wasm`. */
const VARIABLE = 'CHANGED_BLOCKS_BINDING'

function load() {
  const wanted = process.env[VARIABLE] || undefined
  if (wanted !== undefined && wanted !== 'native' && wanted !== 'wasm') {
    throw new Error(`${VARIABLE} is ${JSON.stringify(wanted)}, neither native nor wasm`)
  }
  const modules = []
  if (wanted !== 'wasm') {
    modules.push([nativeFile(), path => require('./native.js').bindingOf(require(path))])
  }
  if (wanted !== 'native') {
    modules.push(['changed-blocks.wasm', path => require('./wasm.js').bindingOf(path)])
  }
  const reasons = []
  for (const [file, bindingAt] of modules) {
    try {
      return ofThisVersion(bindingAt(join(FOLDER, file)))
    } catch (error) {
      reasons.push(`${file}: ${error.message}`)
    }
  }
  throw new Error(`no module of changed-blocks in ${FOLDER} can be loaded: ${reasons.join('; ')}`)
}

/** Refuses a module that was built for other JavaScript than this. */
function ofThisVersion(binding) {
  if (binding.version !== version) {
    throw new Error(`it is of version ${binding.version}, but the package of ${version}`)
  }
  return binding
}

/** The name of the native module for this system. */
function nativeFile() {
  const system = `${process.platform}-${process.arch}`
  return process.platform === 'linux' ? `${system}-${libc()}.node` : `${system}.node`
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
