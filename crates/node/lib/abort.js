'use strict'

/** The promise, or a rejection as soon as the signal aborts; then `stop` is called. */
function abortable(promise, signal, stop) {
  if (signal === undefined) {
    return promise
  }
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      stop()
      reject(signal.reason)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

module.exports = { abortable }
