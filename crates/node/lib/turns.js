'use strict'

// Long work on the event loop, with turns for others.

const { performance } = require('node:perf_hooks')
const { setImmediate } = require('node:timers/promises')

/** How many milliseconds are worked at a time. */
const TURN = 1

/** A function to be called between pieces of work: once they have taken long enough, it gives a promise to wait for. */
function turns(waits) {
  let began = performance.now()
  const next = async () => {
    await waits.for(setImmediate())
    began = performance.now()
  }
  return () => (performance.now() - began < TURN ? undefined : next())
}

module.exports = { turns }
