import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { bodyOf } from '../traffic.js'

/** One round of the ceiling: the compiled program and the job in, JSON out, like ours.js. */

const [program, job] = process.argv.slice(2)
const { workload, directory } = JSON.parse(job)
const [measure] = workload.measures
const [first, withPages] = measure === 'open' ? readLog() : writeRecords(workload)
console.log(JSON.stringify({ [measure]: first, withPages }))

function readLog() {
  const log = join(directory, 'measured', 'commitlog')
  return run(['open', ...readdirSync(log).map((name) => join(log, name))])
}

function writeRecords({ messages, topics, queues, inFlight, flushDiskType }) {
  mkdirSync(directory, { recursive: true })
  const [verb, ...more] = flushDiskType === 'SYNC_FLUSH' ? ['put', inFlight] : ['append']
  // The body is the same as everybody's.
  return run([verb, join(directory, 'records'), messages, topics, queues, ...more], bodyOf(workload))
}

/** @returns the numbers that it prints */
function run(parameters, input) {
  return execFileSync(program, parameters.map(String), { input, encoding: 'utf8' }).split(' ').map(Number)
}
