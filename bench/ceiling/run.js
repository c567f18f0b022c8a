import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { bodyOf } from '../traffic.js'

/** One round of the ceiling: the compiled program and the job in, JSON out, like ours.js. */

const [program, job] = process.argv.slice(2)
const { workload, directory } = JSON.parse(job)
mkdirSync(directory, { recursive: true })
const { messages, topics, queues } = workload
// The body is the same as everybody's.
const output = execFileSync(program, [join(directory, 'records'), messages, topics, queues].map(String), { input: bodyOf(workload), encoding: 'utf8' })
console.log(JSON.stringify({ append: Number(output) }))
