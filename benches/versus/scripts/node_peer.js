// From base64 text to runs in Node: Buffer.from, then a loop over boundaries with Math.clz32, into an array that is
// used again.
//
//     node_peer.js node                                              prints the version
//     node_peer.js node FILE SAMPLES FEWEST PATIENCE LIMIT           measures
//
// The arguments and what is printed are those of python_peers.py.

"use strict";
const fs = require("node:fs");

// A multiple of 32 symbols.
const PART = 256 << 10;

let list = new Float64Array(1 << 16);
let length = 0;

function run(text) {
  const bytes = Buffer.from(text, "base64");
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  length = 0;
  let last = 0;
  let block = 0;
  for (let at = 0; at < bytes.length; at += 4) {
    const word = words.getInt32(at);
    let marks = word ^ ((word >>> 1) | (last << 31));
    last = word & 1;
    if (length + 33 > list.length) {
      const longer = new Float64Array(2 * list.length);
      longer.set(list);
      list = longer;
    }
    while (marks !== 0) {
      const zeros = Math.clz32(marks);
      list[length++] = block + zeros;
      marks &= ~(0x80000000 >>> zeros);
    }
    block += 32;
  }
  if (last) list[length++] = block;
}

function seconds(text) {
  const start = process.hrtime.bigint();
  run(text);
  return Number(process.hrtime.bigint() - start) / 1e9;
}

function main() {
  if (process.argv.length === 3) {
    console.log(`version ${process.versions.node}`);
    return;
  }
  const [file, ...numbers] = process.argv.slice(3);
  const [samples, fewest, patience, limit] = numbers.map(Number);
  const text = fs.readFileSync(file, "latin1");

  // Several times, so that the compiler inside has seen what is hot.
  const part = text.slice(0, PART);
  for (let i = 0; i < 20; i++) seconds(part);
  const expected = (seconds(part) * text.length) / part.length;
  if (expected > limit) {
    console.log(`skipped one run would take about ${expected.toFixed(0)} s`);
    return;
  }
  run(text);
  let blocks = 0;
  for (let i = 0; i < length; i += 2) blocks += list[i + 1] - list[i];
  console.log(`digest ${length / 2} ${blocks}`);
  const times = [];
  let spent = 0;
  while (times.length < (spent < patience ? samples : fewest)) {
    times.push(seconds(text));
    spent += times[times.length - 1];
  }
  console.log(`seconds ${times.join(" ")}`);
}

main();
