import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomNumbers } from '../support/random-messages'
import type { CompressedSample } from '../support/compressed-sample'
import { startEngine } from './engine'

/**
 * `node build/test/interop/record-compressed.js` records bodies as the compressors of 5.3.3 write them into
 * test/golden/compressed.json, so that the plain tests can read them without Java.
 */

/** The bits of `sysFlag` that a 5.x producer sets: compressed, and by what. */
const sysFlags = { LZ4: 0x101, ZSTD: 0x201, ZLIB: 0x301 }

const random = randomNumbers(1)
const plainBodies = [
  { name: 'short', plain: Buffer.from('hello'), times: 1 },
  { name: 'Unicode', plain: Buffer.from('订单已支付 𝒳 '), times: 50 },
  {
    name: 'incompressible',
    plain: Buffer.from(Array.from({ length: 600 }, () => Math.floor(random() * 256))),
    times: 1,
  },
  { name: 'longer than a window', plain: Buffer.from('compress me '), times: 20000 },
]

async function record(): Promise<void> {
  const engine = startEngine('5.3.3')
  const samples: CompressedSample[] = []
  for (const [type, sysFlag] of Object.entries(sysFlags)) {
    for (const { name, plain, times } of plainBodies) {
      const compressed = await engine.compress(
        type,
        Buffer.concat(Array.from({ length: times }, () => plain)),
      )
      samples.push({
        type,
        name,
        sysFlag,
        plainBase64: plain.toString('base64'),
        times,
        bodyBase64: compressed.toString('base64'),
      })
    }
  }
  await engine.kill()
  writeFileSync(
    join(process.cwd(), 'test', 'golden', 'compressed.json'),
    `${JSON.stringify(samples, undefined, 1)}\n`,
  )
}

void record()
